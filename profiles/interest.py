"""How fast an interest fades: the half-lives that profiles and drift have in common.

A topic's weight halves every ``HALF_LIFE_DAYS``; a short and a long half-life beside it tell a
passing interest from a lasting one. The dimension itself is ``profiles.dimensions.interest``.
"""

from __future__ import annotations

from typing import Final

HALF_LIFE_DAYS: Final = 30.0
SHORT_HALF_LIFE_DAYS: Final = 7.0
LONG_HALF_LIFE_DAYS: Final = 90.0
