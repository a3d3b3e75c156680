"""Business tags: conditions over core fields and packs' fields, never over other tags.

Rules come from packs and from a file of one's own with the same form::

    vip: {name: 高价值会员, version: 2, when: "spending.orders >= 5 and emotion.score > 0"}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import ibis
import ibis.expr.types as ir
import yaml
from pydantic import TypeAdapter, ValidationError

from profiles.conditions.compile import Members, compiled
from profiles.conditions.text import parse
from profiles.conditions.tree import Condition, ConditionError, Kind, check, from_data, leaves_of
from profiles.tags.pack import Pack, PackError, TagRule

SAMPLE: Final = 20  # persons named in a preview
NOT_CORE: Final = frozenset({"tag", "audience"})


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A checked business tag and where it is written."""

    key: str
    name: str
    version: int
    condition: Condition
    source: str
    sensitive: bool = False


@dataclass(frozen=True, kw_only=True)
class TagChange:
    """What applying a tag's rule would change; ``joining`` and ``leaving`` name some of them."""

    tag: str
    name: str
    version: int
    before: int
    after: int
    joins: int
    leaves: int
    joining: tuple[str, ...]
    leaving: tuple[str, ...]


def build_tags(
    packs: Iterable[Pack], own: Iterable[Path], kinds: Mapping[str, Kind]
) -> dict[str, Tag]:
    """Every tag by its key, checked against the fields there are.

    Raises:
        PackError: files that do not fit, a key in two places, rules over unknown fields or over
            tags; all are named.
    """
    known = dict(kinds)
    rules: list[tuple[str, str, TagRule, bool]] = []
    for pack in packs:
        known |= pack.kinds
        rules += [
            (key, f"pack {pack.key}", rule, pack.sensitive) for key, rule in pack.tags.items()
        ]
    for path in own:
        rules += [(key, str(path), rule, False) for key, rule in read_rules(path).items()]
    found: dict[str, Tag] = {}
    faults: list[str] = []
    for key, source, rule, sensitive in rules:
        if key in found:
            faults.append(f"{key}: expected one rule, found it in {found[key].source} and {source}")
            continue
        try:
            condition = check(from_data(rule.when, parse), known)
        except ConditionError as error:
            faults.append(f"{source}, {key}: {error}")
            continue
        over = sorted({test.field for test in leaves_of(condition)} & NOT_CORE)
        if over:
            faults.append(f"{source}, {key}: expected a rule over fields, found one over {over}")
        found[key] = Tag(
            key=key,
            name=rule.name,
            version=rule.version,
            condition=condition,
            source=source,
            sensitive=sensitive,
        )
    if faults:
        raise PackError("; ".join(faults))
    return found


def read_rules(path: Path) -> dict[str, TagRule]:
    """The rules of one's own file.

    Raises:
        PackError: no such file, or it is not tag: {name, version, when}.
    """
    if not path.is_file():
        raise PackError(f"expected a file of tag rules, found no {path}")
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return TypeAdapter(dict[str, TagRule]).validate_python(raw)
    except yaml.YAMLError as error:
        raise PackError(f"{path}: expected YAML, found {error}") from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise PackError(f"{path}: " + "; ".join(faults)) from error


def tagged(tags: Iterable[Tag], persons: ir.Table, members: Members) -> ir.Table:
    """(person_id, tag, version): one row for each tag that holds of a person."""
    tables = []
    for tag in tags:
        rows = persons.filter(compiled(tag.condition, persons, members))
        named = rows.select("person_id").mutate(
            tag=ibis.literal(tag.key), version=ibis.literal(tag.version, type="int64")
        )
        tables.append(named)
    return cast(ir.Table, ibis.union(*tables))


def changes(tags: Iterable[Tag], now: ir.Table, stored: ir.Table, run: Any) -> list[TagChange]:
    """For each tag, who would join and who would leave; nothing is written.

    ``now`` and ``stored`` have person_id and tag; ``run(expression)`` gives an Arrow table.
    """
    return [_change(tag, now, stored, run) for tag in tags]


def _change(tag: Tag, now: ir.Table, stored: ir.Table, run: Any) -> TagChange:
    after = now.filter(now.tag == tag.key).select("person_id")
    before = stored.filter(stored.tag == tag.key).select("person_id")
    joining = _ids(after.anti_join(before, "person_id"), run)
    leaving = _ids(before.anti_join(after, "person_id"), run)
    return TagChange(
        tag=tag.key,
        name=tag.name,
        version=tag.version,
        before=_count(before, run),
        after=_count(after, run),
        joins=len(joining),
        leaves=len(leaving),
        joining=tuple(joining[:SAMPLE]),
        leaving=tuple(leaving[:SAMPLE]),
    )


def _ids(table: ir.Table, run: Any) -> list[str]:
    return cast(list[str], run(table.order_by("person_id"))["person_id"].to_pylist())


def _count(table: ir.Table, run: Any) -> int:
    return int(run(table.agg(n=table.count()))["n"][0].as_py())
