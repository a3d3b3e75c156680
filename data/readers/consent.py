"""What a row of users says of consent: whether it can be true, row by row or of whole columns.

A row that names a purpose says when it was allowed or withdrawn; a row with a moment or a ground
names the purpose; a consent does not end before it begins. Other rows are rejects.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

CONSENT_TIMES: Final = frozenset({"consent_given_at", "consent_withdrawn_at"})
_PARTS: Final = ("consent_purpose", "consent_basis", "consent_given_at", "consent_withdrawn_at")


def consent_faults(
    columns: Mapping[str, list[Any]], faults: list[list[str]], filled: Collection[str]
) -> None:
    """Add to ``faults`` what is wrong with the consent of each row.

    ``filled`` are columns that get a constant later, where a row has none.
    """
    rows = zip(*(columns[name] for name in _PARTS), strict=True)
    for (purpose, basis, given, withdrawn), fault in zip(rows, faults, strict=True):
        if any("consent_" in one for one in fault):
            continue  # unreadable, and said so
        if purpose is None:
            said = any(part is not None for part in (basis, given, withdrawn))
            if said and "consent_purpose" not in filled:
                fault.append("missing_consent_purpose: expected what the consent is for")
        elif given is None and withdrawn is None:
            if not CONSENT_TIMES & set(filled):
                fault.append("missing_consent_given_at: expected when the purpose was allowed")
        elif given is not None and withdrawn is not None and withdrawn < given:
            fault.append("consent_ends_before_it_begins: withdrawn before it was given")


def consents_fit(arrays: Mapping[str, pa.Array], filled: Collection[str]) -> bool:
    """Whether ``consent_faults`` would find nothing, told from whole columns."""
    purpose, basis, given, withdrawn = (pc.is_valid(arrays[name]) for name in _PARTS)
    timed = pc.or_(given, withdrawn)
    bad = pc.fill_null(pc.less(arrays["consent_withdrawn_at"], arrays["consent_given_at"]), False)
    if "consent_purpose" not in filled:
        bad = pc.or_(bad, pc.and_not(pc.or_(timed, basis), purpose))
    if not CONSENT_TIMES & set(filled):
        bad = pc.or_(bad, pc.and_not(purpose, timed))
    return not pc.any(bad).as_py()
