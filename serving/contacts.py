"""A brand's own list of identifiers, row by row, with the person each one belongs to.

CSV with a header: ``type``, ``value``, ``consent`` and either ``person_id`` or ``platform`` and
``user_id``. It is read while exporting and never stored.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from profiles.audiences.export import Contact
from profiles.persons import person_of
from serving.errors import UsageError

if TYPE_CHECKING:
    from profiles.store.base import Store

NO = frozenset({"", "no", "false", "0", "否", "不同意", "无", "none", "null"})


def read_contacts(path: Path, store: Store) -> Iterator[Contact]:
    """Every row of the list; a consent of 否, no, 0 or nothing is none.

    Raises:
        UsageError: no such file, or columns that are missing.
    """
    if not path.is_file():
        raise UsageError(f"--identifiers: expected a CSV file, found no {path}")
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        names = set(reader.fieldnames or ())
        by_account = {"platform", "user_id"} <= names
        missing = sorted({"type", "value", "consent"} - names)
        if missing or not (by_account or "person_id" in names):
            raise UsageError(
                f"{path}: expected columns type, value, consent and person_id (or platform and "
                f"user_id), found {', '.join(sorted(names)) or 'none'}"
            )
        for row in reader:
            consent = (row["consent"] or "").strip()
            yield Contact(
                person_id=row.get("person_id") or person_of(store, row["platform"], row["user_id"]),
                type=(row["type"] or "").strip().lower(),
                value=row["value"] or "",
                consent=None if consent.lower() in NO else consent,
            )
