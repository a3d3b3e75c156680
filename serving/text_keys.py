"""Store keys for comments whose source gave no id.

A dump names such a row "<file>#<row>". Two monthly exports often bear the same name, so that name
is no key for a
store: here the row gets one from what it says. The same file again gives the same keys, also after
rows were added
anywhere; equal rows are told apart by how many came before. Memory: some 100 bytes per row without
an id of one call.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import Final

import pyarrow as pa

PREFIX: Final = "text:"
_FILE_AND_ROW: Final = re.compile(r".+#\d+", re.DOTALL)
_TOLD_BY: Final = ("platform", "content_id", "user_id", "user_name", "created_at", "text")


class TextKeys:
    """One per ingest call: it counts equal rows across the batches of all its files."""

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def apply(self, table: pa.Table) -> pa.Table:
        """The table with "<file>#<row>" ids replaced; ids that a source gave stay."""
        ids = table["comment_id"].to_pylist()
        rows = [at for at, value in enumerate(ids) if _FILE_AND_ROW.fullmatch(value)]
        if not rows:
            return table
        columns = [table[name].to_pylist() for name in _TOLD_BY]
        for at in rows:
            ids[at] = self._key([column[at] for column in columns])
        index = table.schema.get_field_index("comment_id")
        return table.set_column(index, table.schema.field(index), pa.array(ids, pa.string()))

    def _key(self, values: list[object]) -> str:
        digest = hashlib.sha256("\x1f".join(map(str, values)).encode("utf-8", "replace")).digest()
        self._seen[digest[:12]] += 1
        return f"{PREFIX}{digest[:12].hex()}-{self._seen[digest[:12]]}"
