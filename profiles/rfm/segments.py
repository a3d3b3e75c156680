"""The names of RFM scores, read from ``segments.yaml`` and checked to name every score once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import yaml

from profiles.errors import ProfilesError

SEGMENTS_FILE: Final = "segments.yaml"
SCORES: Final = range(1, 6)
_FLAGS: Final = ("near", "often", "much")


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Both tables; ``eight`` by (near, often, much), ``eleven`` by (r, f, m)."""

    version: int
    eight: dict[tuple[bool, bool, bool], str]
    eleven: dict[tuple[int, int, int], str]
    names: dict[str, str]  # Chinese names by key, in the order of the file
    advice: dict[str, str]

    def eight_table(self) -> pa.Table:
        """Return one row per combination: near, often, much, segment8."""
        rows = [(*flags, name) for flags, name in self.eight.items()]
        return pa.table(list(zip(*rows, strict=True)), names=[*_FLAGS, "segment8"])

    def eleven_table(self) -> pa.Table:
        """Return one row per triple of scores: r, f, m, segment11."""
        rows = [(*triple, key) for triple, key in self.eleven.items()]
        return pa.table(list(zip(*rows, strict=True)), names=["r", "f", "m", "segment11"])


@lru_cache(maxsize=8)
def load_segments(path: Path | None = None) -> Segments:
    """Return the tables of a file, or those that come with the package.

    Raises:
        ProfilesError: the file cannot be read, or does not name every score exactly once (all
            faults are named).
    """
    try:
        text = (path or files("profiles.rfm") / SEGMENTS_FILE).read_text("utf-8")
        document = yaml.safe_load(text)
        eight = [(tuple(bool(row[f]) for f in _FLAGS), row["name"]) for row in document["eight"]]
        cells = [(cell, row["key"]) for row in document["eleven"] for cell in row["cells"]]
        eleven = [(triple, key) for cell, key in cells for triple in _triples(cell)]
        names = {row["key"]: row["name"] for row in document["eleven"]}
        version = int(document["version"])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ProfilesError(
            f"expected tables of segments in {path or SEGMENTS_FILE}, found: {error!r}; "
            f"see profiles/rfm/{SEGMENTS_FILE} for the form"
        ) from error
    faults = _faults("eight", [k for k, _ in eight], product((True, False), repeat=3))
    faults += _faults("eleven", [k for k, _ in eleven], product(SCORES, repeat=3))
    if faults:
        raise ProfilesError(
            f"expected every score to have one segment in {path or SEGMENTS_FILE}, found "
            f"{'; '.join(faults)}; correct the file"
        )
    return Segments(
        version=version,
        eight={(k[0], k[1], k[2]): name for k, name in eight},
        eleven=dict(eleven),
        names=names,
        advice={row["name"]: str(row.get("advice", "")) for row in document["eight"]},
    )


def _triples(cell: dict[str, Any]) -> list[tuple[int, int, int]]:
    spans = [range(cell[s][0], cell[s][1] + 1) if s in cell else SCORES for s in "rfm"]
    return [(r, f, m) for r, f, m in product(*spans)]


def _faults(table: str, given: list[Any], wanted: Any) -> list[str]:
    counted, known = Counter(given), set(wanted)
    faults = [f"{table}: none for {k}" for k in sorted(known - set(counted))]
    faults += [f"{table}: {n} for {k}" for k, n in sorted(counted.items()) if n > 1]
    faults += [f"{table}: {k} is no score" for k in sorted(set(counted) - known)]
    return faults[:10] + ([f"and {len(faults) - 10} more"] if len(faults) > 10 else [])
