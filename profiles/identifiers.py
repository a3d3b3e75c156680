"""Identifiers at the door: found in a table's columns, normalised, hashed with the key.

After this module nothing of the value as it came is left. One definition of "normalised" serves
files and single values: SQL expressions run in a database in memory. A key is the first 32
hexadecimal digits of an HMAC-SHA256 over type, namespace and value; that of a ``platform_uid`` is
the person id under which comments and orders of that account are stored.

Growth: one pass over the given table; each distinct value is hashed once (about 2 µs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from profiles.errors import IdentityError
from profiles.identity import identifier_key, person_id
from profiles.identity_rules import IdentityRules, TypeRule
from profiles.store.ddl import quoted

_WIDE: Final = "".join(chr(0xFF01 + n) for n in range(94)) + "\u3000"
_NARROW: Final = "".join(chr(0x21 + n) for n in range(94)) + " "
_BLANK: Final = r"[\s\x{00A0}\x{3000}\x{200B}-\x{200D}\x{FEFF}]"
_MOBILE: Final = r"1[3-9]\d{9}"
_LANDLINE: Final = r"(?:10|[2-9]\d{1,2})\d{7,8}"


@dataclass(frozen=True, kw_only=True)
class FoundIdentifiers:
    """What a table's rows carry, hashed.

    ``rows`` has row (position in the table), key, type, namespace, each key once per row.
    ``invalid`` counts values that were given and name nobody, by type.
    """

    rows: pa.Table
    invalid: Mapping[str, int]
    has_columns: bool

    def bare_rows(self, n_rows: int) -> tuple[int, ...]:
        """Return the positions, of ``n_rows``, that carry no identifier."""
        carrying = self.rows["row"].to_numpy()
        return tuple(np.setdiff1d(np.arange(n_rows), carrying).tolist())


def find_identifiers(
    table: pa.Table, key: bytes, rules: IdentityRules, *, named_by_type: bool = True
) -> FoundIdentifiers:
    """Return the identifiers in ``table``; columns are named by the rules' ``columns``.

    ``named_by_type``: a column may also bear the type's own name (a table of events may have a
    column ``device`` that holds a model's name, so there it may not).
    """
    parts = [
        _column_sql(table, rule, column, rules.blanks)
        for rule in rules.types.values()
        for column in identifier_columns(table, rule, named_by_type=named_by_type)
    ]
    if not parts:
        return FoundIdentifiers(rows=_NONE, invalid={}, has_columns=False)
    with duckdb.connect() as memory:
        memory.register("given", table.append_column("row", _positions(table.num_rows)))
        memory.execute(f"CREATE TABLE found AS {' UNION ALL '.join(parts)}")
        invalid = memory.execute(
            "SELECT type, count(*) FROM found WHERE value IS NULL GROUP BY type ORDER BY type"
        ).fetchall()
        memory.execute(
            """CREATE TABLE distinct_values AS SELECT DISTINCT type, namespace, value
               FROM found WHERE value IS NOT NULL ORDER BY ALL"""
        )
        values = memory.execute("FROM distinct_values").to_arrow_table()
        memory.register("hashed", values.append_column("key", _keys(values, key)))
        rows = memory.execute(
            """SELECT DISTINCT "row", key, type, namespace FROM found
               JOIN hashed USING (type, namespace, value) ORDER BY "row", key"""
        ).to_arrow_table()
    return FoundIdentifiers(rows=rows, invalid=dict(invalid), has_columns=True)


def identifier_columns(table: pa.Table, rule: TypeRule, *, named_by_type: bool = True) -> list[str]:
    """Return the columns of ``table`` that hold identifiers of a type."""
    names = [*([rule.name] if named_by_type else []), *rule.columns]
    return [name for name in dict.fromkeys(names) if name in table.column_names]


def carries_identifiers(table: pa.Table, rules: IdentityRules) -> bool:
    """Tell whether ``table`` has identifiers besides the accounts that its rows belong to."""
    return any(
        identifier_columns(table, rule, named_by_type=False)
        for name, rule in rules.types.items()
        if name != "platform_uid"
    )


def parse_identifier(text: str, key: bytes, rules: IdentityRules) -> str:
    """Return the key of an identifier written ``TYPE:VALUE`` or ``TYPE:NAMESPACE:VALUE``.

    Raises:
        IdentityError: the type is unknown, or the value names nobody.
    """
    name, _, value = text.partition(":")
    if name not in rules.types:
        raise IdentityError(
            f"expected TYPE:VALUE with a TYPE of {', '.join(rules.types)}, found {text!r}; "
            "write phone:13900000000 or platform_uid:douyin:42, for example"
        )
    rule = rules.types[name]
    given: dict[str, list[str | None]] = {name: [value]}
    if rule.namespace:
        namespace, mark, rest = value.partition(":")
        given = {name: [rest], rule.namespace: [namespace]} if mark else given
    found = find_identifiers(pa.table(given), key, rules)
    if found.rows.num_rows != 1:
        raise IdentityError(
            f"expected a {name} that names somebody, found {value!r}; check for stars and typing"
        )
    return str(found.rows["key"][0].as_py())


_NONE: Final = pa.table(
    {
        "row": pa.array([], pa.int64()),
        **{name: pa.array([], pa.string()) for name in ("key", "type", "namespace")},
    }
)


def _positions(rows: int) -> pa.Array:
    return pa.array(np.arange(rows), pa.int64())


def _keys(values: pa.Table, key: bytes) -> pa.Array:
    columns = (values[name].to_pylist() for name in ("type", "namespace", "value"))
    return pa.array(
        [
            person_id(key, space, value)
            if kind == "platform_uid"
            else identifier_key(key, kind, space, value)
            for kind, space, value in zip(*columns, strict=True)
        ],
        pa.string(),
    )


def _column_sql(table: pa.Table, rule: TypeRule, column: str, blanks: tuple[str, ...]) -> str:
    """SELECT row, type, namespace, value of one column; value is null where it names nobody."""
    source = quoted(column)
    if pa.types.is_floating(table.schema.field(column).type):  # Excel: 13900000000.0
        whole = f"{source} = floor({source}) AND abs({source}) < 9e15"
        text = f"CASE WHEN {whole} THEN {source}::BIGINT::VARCHAR ELSE {source}::VARCHAR END"
    else:
        text = f"{source}::VARCHAR"
    has_space = rule.namespace in table.column_names
    space = f"coalesce({quoted(str(rule.namespace))}::VARCHAR, '')" if has_space else "''"
    placeholders = f"value IN ({_listed(rule.placeholders)})" if rule.placeholders else "false"
    return f"""
        SELECT "row", '{rule.name}' AS type, namespace,
            CASE WHEN contains(trimmed, '*') OR {placeholders} THEN NULL ELSE value END AS value
        FROM (SELECT *, {_NORMAL[rule.name]} AS value FROM (
            SELECT *, translate(trimmed, '{_WIDE.replace("'", "''")}',
                '{_NARROW.replace("'", "''")}') AS half FROM (
            SELECT "row", {space} AS namespace,
                regexp_replace({text}, '^{_BLANK}+|{_BLANK}+$', '', 'g') AS trimmed FROM given)))
        WHERE trimmed IS NOT NULL AND lower(trimmed) NOT IN ({_listed(blanks)})"""


def _listed(texts: tuple[str, ...]) -> str:
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts) or "''"


_DIGITS: Final = rf"regexp_replace(regexp_replace(half, '\.0$', ''), '{_BLANK}|[-().]', '', 'g')"
_DEVICE: Final = f"regexp_replace(lower(half), '{_BLANK}|[:-]', '', 'g')"
_EMAIL: Final = "lower(half)"

# an extension behind a number makes it too long: such numbers are lent to a shop for one order
_NORMAL: Final[Mapping[str, str]] = {
    "phone": rf"""CASE
        WHEN regexp_full_match({_DIGITS}, '((\+|00)?86)?{_MOBILE}')
            THEN '+86' || right({_DIGITS}, 11)
        WHEN regexp_full_match({_DIGITS}, '0{_LANDLINE}') THEN '+86' || {_DIGITS}[2:]
        WHEN regexp_full_match({_DIGITS}, '(\+|00)86{_LANDLINE}')
            THEN '+86' || regexp_extract({_DIGITS}, '{_LANDLINE}$')
        WHEN regexp_full_match({_DIGITS}, '(\+|00)[1-9]\d{{6,14}}')
            AND NOT regexp_matches({_DIGITS}, '^(\+|00)86')
            THEN '+' || regexp_replace({_DIGITS}, '^(\+|00)', '') END""",
    "email": rf"""CASE WHEN regexp_full_match({_EMAIL}, '[^@\s]+@[^@\s.]+(\.[^@\s.]+)+')
        THEN {_EMAIL} END""",
    "device": rf"""CASE WHEN regexp_full_match({_DEVICE}, '0+') THEN NULL
        WHEN regexp_full_match({_DEVICE}, '[0-9a-f]{{12}}|[0-9a-f]{{32}}|\d{{15}}') THEN {_DEVICE}
        ELSE lower(half) END""",
    **dict.fromkeys(("unionid", "openid", "platform_uid", "order_account"), "trimmed"),
}
