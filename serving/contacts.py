"""A brand's own list of identifiers, row by row, with the person each one belongs to.

CSV with a header: ``type``, ``value``, ``consent`` and either ``person_id`` or ``platform`` and
``user_id``. It is read while exporting and never stored.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from profiles.audiences.export import Contact
from serving.errors import UsageError

if TYPE_CHECKING:
    from profiles.store.base import Store

Row = dict[str, str]
ROWS_PER_READ = 10_000
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
        yield from contacts_of(reader, store, by_account=by_account)


def contacts_of(rows: Iterable[Row], store: Store, *, by_account: bool) -> Iterator[Contact]:
    """A contact for every row; ``by_account`` says whether rows may name accounts for persons."""
    for some in _batches(rows):
        persons = _persons(store, some) if by_account else {}
        for row in some:
            account = (row.get("platform") or "", row.get("user_id") or "")
            consent = (row["consent"] or "").strip()
            yield Contact(
                person_id=row.get("person_id") or persons[account],
                type=(row["type"] or "").strip().lower(),
                value=row["value"] or "",
                consent=None if consent.lower() in NO else consent,
            )


def _batches(reader: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(reader)
    while batch := list(itertools.islice(rows, ROWS_PER_READ)):
        yield batch


def _persons(store: Store, rows: list[Row]) -> dict[tuple[str, str], str]:
    """The person of each account; an account that is linked to no other is its own person."""
    accounts = {(row.get("platform") or "", row.get("user_id") or "") for row in rows}
    keys = {account: store.person_id(account[0] or None, account[1]) for account in accounts}
    linked = store.rows_where("person_identifiers", "key", sorted(set(keys.values())))
    persons = dict(zip(linked["key"].to_pylist(), linked["person_id"].to_pylist(), strict=True))
    return {account: persons.get(key, key) for account, key in keys.items()}
