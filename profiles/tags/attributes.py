"""What people tell of themselves, read from their comments by a pack's words.

Grows with comments times words of the pack; one regular expression over all words first leaves only
the comments that hold any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, cast

import ibis
import ibis.expr.types as ir

from profiles.tags.pack import Attribute, Pack

_DENIED: Final = "(不是|不算|并非|不属于|没有|不爱|不要|不用|没)"
_OTHERS: Final = (
    "(我妈|我爸|我姐|我妹|我弟|我哥|朋友|闺蜜|室友|同事|老公|老婆|男票|女票|对象"
    "|他|她|你|您|别人|有人|有的人)"
)


def read_attributes(comments: ir.Table, pack: Pack) -> ir.Table:
    """(person_id, field, value, n, last_at): one row for each value that a person's comments tell.

    ``comments`` has person_id, text and created_at. ``n`` counts comments, ``last_at`` is the last
    one's time. A value that is denied in the same breath ("我不是油皮") does not count.
    """
    words = [w for a in pack.attributes.values() for v in a.values.values() for w in v.words]
    with_any = comments.filter(_holds(comments, _either(words)))
    tables = [
        _seen(with_any, f"{pack.key}.{name}", value, entry.words, own=attribute.own)
        for name, attribute in pack.attributes.items()
        for value, entry in attribute.values.items()
    ]
    found = ibis.union(*tables)
    singles = [f"{pack.key}.{name}" for name, a in pack.attributes.items() if a.one]
    return _with_one_value(found, singles) if singles else found


def value_name(attribute: Attribute, value: str) -> str:
    """The value as people read it."""
    return attribute.values[value].name


def _seen(
    comments: ir.Table, field: str, value: str, words: Iterable[str], *, own: bool
) -> ir.Table:
    either = _either(words)
    keep = _holds(comments, either) & ~_holds(comments, f"{_DENIED}(太)?({either})")
    if own:
        keep = keep & ~_holds(comments, _OTHERS)
    rows = comments.filter(keep)
    grouped = rows.group_by("person_id").agg(n=rows.count(), last_at=rows.created_at.max())
    named = grouped.mutate(field=ibis.literal(field), value=ibis.literal(value))
    return cast(ir.Table, named.select("person_id", "field", "value", "n", "last_at"))


def _with_one_value(found: ir.Table, fields: list[str]) -> ir.Table:
    """The value seen most, then latest, then first by name."""
    best = [found.n.desc(), found.last_at.desc(), found.value]
    window = ibis.window(group_by=["person_id", "field"], order_by=best)
    ranked = found.mutate(place=ibis.row_number().over(window))
    kept = ranked.filter((ranked.place == 0) | ~ranked.field.isin(fields))
    return cast(ir.Table, kept.drop("place"))


def _holds(comments: ir.Table, pattern: str) -> Any:
    text: Any = comments.text
    return text.lower().re_search(pattern)


def _either(words: Iterable[str]) -> str:
    return "|".join(sorted({re.escape(w.lower()) for w in words}))
