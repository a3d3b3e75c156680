"""Rows for the segment commands: a few named columns of a file, as they came.

Parquet and CSV (UTF-8 or GB18030) are read by Arrow, whole columns at once; other formats by the
dump readers. A column goes by any of its names, in any case; values stay text until the analysis
reads them and counts what it cannot read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from serving.errors import ServingError, UsageError

Columns = Mapping[str, tuple[str, ...]]
_PERSON: Final = ("person_id", "customer_id", "user_id", "buyer_id", "用户ID", "会员ID", "客户ID")
ORDER_COLUMNS: Final[Columns] = MappingProxyType(
    {
        "person_id": _PERSON,
        "time": ("date", "time", "order_date", "paid_at", "日期", "时间", "下单时间", "付款时间"),
        "amount": ("amount", "amount_cny", "金额", "实付金额"),
        "order_id": ("order_id", "订单号", "订单编号"),
    }
)
VECTOR_COLUMNS: Final[Columns] = MappingProxyType(
    {"person_id": _PERSON, "topic": ("topic", "interest", "话题"), "weight": ("weight", "share")}
)
RELATION_COLUMNS: Final[Columns] = MappingProxyType(
    {
        "source": ("source", "from", "from_id", "follower", "user_id", "关注者"),
        "target": ("target", "to", "to_id", "followee", "followed_id", "被关注者"),
        "weight": ("weight", "n", "count", "次数"),
    }
)
_ENCODINGS: Final = ("utf8", "gb18030")


def read_rows(path: Path, columns: Columns, *, optional: frozenset[str] = frozenset()) -> pa.Table:
    """Return the rows of a file with the columns asked for, under the names asked for.

    Raises:
        UsageError: the file is not there, or a column is missing.
        ServingError: the file cannot be read.
    """
    if not path.is_file():
        raise UsageError(f"expected a file, found none at {path}; check the path")
    try:
        table = _table(path)
    except pa.ArrowException as error:
        text = " ".join(str(error).split())
        raise ServingError(
            f"expected a table in {path}, found: {text}; correct the file"
        ) from error
    given = {name.strip().lstrip("\ufeff").lower(): name for name in reversed(table.column_names)}
    found = {
        field: next((given[n.lower()] for n in names if n.lower() in given), None)
        for field, names in columns.items()
    }
    missing = [
        f"{field} ({' or '.join(columns[field])})"
        for field, name in found.items()
        if name is None and field not in optional
    ]
    if missing:
        raise UsageError(
            f"expected columns {', '.join(missing)} in {path.name}, found "
            f"{', '.join(table.column_names) or 'none'}; rename them"
        )
    kept = {field: name for field, name in found.items() if name is not None}
    return table.select(list(kept.values())).rename_columns(list(kept))


def _table(path: Path) -> pa.Table:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return pq.read_table(path)
    if suffix in (".csv", ".tsv"):
        return _csv(path, "\t" if suffix == ".tsv" else ",")
    from data.readers import open_dump

    dump = open_dump(path, format="table")
    batches = [batch.original for batch in dump.batches()]
    return pa.Table.from_batches(batches, dump.input_schema)


def _csv(path: Path, delimiter: str) -> pa.Table:
    """Every column as text: ids keep their zeros, and bad values can be told from missing ones."""
    faults: list[pa.ArrowException] = []
    for encoding in _ENCODINGS:
        try:
            names = _header(path, delimiter, encoding)
            return pc.read_csv(
                path,
                read_options=pc.ReadOptions(encoding=encoding),
                parse_options=pc.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                convert_options=pc.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
            )  # fmt: skip
        except (pa.ArrowException, UnicodeDecodeError) as error:
            faults.append(error if isinstance(error, pa.ArrowException) else pa.ArrowInvalid(error))
    raise faults[0]


def _header(path: Path, delimiter: str, encoding: str) -> list[str]:
    reader = pc.open_csv(
        path,
        read_options=pc.ReadOptions(encoding=encoding, block_size=1 << 20),
        parse_options=pc.ParseOptions(delimiter=delimiter, newlines_in_values=True),
    )
    with reader:
        return list(reader.schema.names)
