"""Key figures against their baselines, for the command line and the API."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from profiles.baselines.band import METHOD
from profiles.baselines.baseline import Baseline
from profiles.read import iso
from profiles.store.base import Store


def baseline_document(found: Baseline, by: str, moment: datetime) -> dict[str, Any]:
    """The answer as JSON."""
    return {
        "as_of": iso(moment),
        "by": by,
        "unit": found.unit,
        "method": METHOD,
        "periods": found.periods,
        "latest": [asdict(one) for one in found.latest],
        "left": [asdict(one) for one in found.left],
    }


def save_baseline(store: Store, found: Baseline, by: str, moment: datetime, run: str) -> int:
    """Replaces what was expected of this scope and unit; the number of values written."""
    table = found.table.drop_columns(["seasonal"])
    table = table.set_column(
        table.column_names.index("period"),
        "period",
        pc.strptime(table["period"], format="%Y-%m-%d", unit="s").cast(pa.date32()),
    )
    for name, value in {"scope": by, "unit": found.unit, "run_id": run}.items():
        table = table.append_column(name, pa.repeat(value, table.num_rows))
    stamp = pa.scalar(moment, pa.timestamp("us", tz="UTC"))
    table = table.append_column("as_of", pa.repeat(stamp, table.num_rows))
    kept = store.table("baselines")
    with store.transaction():
        store.swap({"baselines": kept.filter((kept.scope != by) | (kept.unit != found.unit))})
        store.bulk_load("baselines", table)
    return int(table.num_rows)
