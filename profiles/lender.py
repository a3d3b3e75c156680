"""Who brings the rows that a refresh reads, step by step; see ``profiles.lend_by_key``.

A refresh in the store that holds the rows needs nobody: ``Lender`` itself brings nothing. The steps
are called in the order in which they stand here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from profiles.scope import Reach


class Lender:
    """Nothing to bring: every row is there."""

    everywhere: str = "comments"  # the relation with created_at and keywords of all comments

    def for_scope(self) -> None:
        """Bring what is marked in ``touched``, and rows that became visible since the last time."""

    def for_topics(self) -> None:
        """Bring the comments and topics of the contents in ``scope_contents``."""

    def for_viewers(self) -> None:
        """Bring the events of the contents in ``retold``."""

    def for_everybody(self) -> None:
        """Bring the stored profiles of ``everybody``."""

    def for_people(self, reach: Reach) -> None:
        """Bring the rows of ``people`` that the dimensions in scope read, in place of others'."""

    def for_insights(self) -> None:
        """Bring the comments of ``scope_contents`` whole, in place of others, and all keywords."""


HERE = Lender()
