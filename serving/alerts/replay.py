"""History at full speed: a dump in, its incidents out, as if it had been watched.

The comments are sorted by time on disk (DuckDB, which spills), so memory holds one batch, the
detector's state and two days of negative comments, whatever the dump's size.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from serving.alerts.comments import with_tenant
from serving.alerts.detection.thresholds import STEP_S
from serving.alerts.incidents import Incident, shown_key
from serving.alerts.intake import identity_hashes
from serving.alerts.monitor import Monitor, title
from serving.alerts.notice import Notice
from serving.alerts.rules import Rules

ROWS: Final = 20_000
SLICE_S: Final = 6 * 3600


def replay(
    batches: Iterable[pa.Table],
    rules: Rules,
    offer: Callable[[Notice], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Incident]:
    """Every incident of the comments (``comments.WATCHED``, any order), by the time it opened.

    A comment that comes twice counts once. Time goes by the comments' own; messages are offered at
    the end of the step in which they would have gone out.
    """
    monitor = Monitor(rules)
    found: dict[str, Incident] = {}
    with tempfile.TemporaryDirectory(prefix="tingfeng-") as folder:
        whose = (with_tenant(one, rules.tenant) for one in batches)
        for table in _by_time(whose, Path(folder), progress):
            _play(table, monitor, found, offer)
    if monitor.state.step is not None or monitor.state.pending:
        last = max([*monitor.state.pending, monitor.state.step or 0])
        _run(monitor, found, offer, (last + 1) * STEP_S)
    return sorted(found.values(), key=lambda one: (one.opened_at, one.id))


def _play(
    table: pa.Table, monitor: Monitor, found: dict[str, Incident], offer: Callable[[Notice], None]
) -> None:
    """One sorted batch, a few hours at a time, because evidence is kept for two days only; the
    step that it ends in stays open, because the next batch may continue it.
    """
    times = table["at"].to_numpy()
    cuts = np.flatnonzero(np.diff(times // SLICE_S)) + 1
    for start, end in pairwise([0, *cuts.tolist(), len(times)]):
        part = table.slice(start, end - start)
        monitor.feed(part)
        _run(monitor, found, offer, int(times[end - 1]) // STEP_S * STEP_S)


def _run(
    monitor: Monitor, found: dict[str, Incident], offer: Callable[[Notice], None], until: int
) -> None:
    step = monitor.state.step
    at = (min(monitor.state.pending, default=0) if step is None else step + 1) * STEP_S
    while at < until:
        at += STEP_S
        for incident in monitor.advance(at):
            found[incident.id] = incident
        for notice in monitor.messages([], at):
            offer(notice)
        monitor.forget_closed()


def _by_time(
    batches: Iterable[pa.Table], folder: Path, progress: Callable[[int], None]
) -> Iterable[pa.Table]:
    with duckdb.connect(str(folder / "sorted.duckdb")) as connection:
        connection.execute(f"SET temp_directory = '{folder}'")
        made = False
        for table in batches:
            rows = table.append_column("hash", pa.array(identity_hashes(table)))  # noqa: F841
            verb = "INSERT INTO comments" if made else "CREATE TABLE comments AS"
            connection.execute(f"{verb} SELECT * FROM rows")
            made = True
            progress(table.num_rows)
        if not made:
            return
        reader = connection.execute(_SORTED).to_arrow_reader(ROWS)
        for batch in reader:
            if batch.num_rows:
                yield pa.Table.from_batches([batch]).drop_columns(["hash"])


_SORTED: Final = """
SELECT * FROM comments
QUALIFY row_number() OVER (PARTITION BY hash ORDER BY "at") = 1
ORDER BY "at", hash
"""


def incident_line(incident: Incident) -> dict[str, Any]:
    """An incident as one line of ``tingfeng alerts replay``."""
    root = incident.root
    opened = incident.first_sent_at if incident.first_sent_at is not None else incident.opened_at
    return {
        "incident_id": incident.id,
        "key": shown_key(incident.key),
        "severity": incident.severity,
        "opened_at": iso(opened),
        "closed_at": iso(incident.closed_at),
        "observed": root.observed,
        "expected": round(root.expected, 3),
        "risks": incident.risks,
        "evidence": incident.evidence,
        "title": title(incident),
        "window_s": root.window_s,
        "comments": root.comments,
        "p_value": root.p_value,
        "share": round(root.observed / root.comments, 4) if root.comments else None,
        "p_share": root.p_share,
        "alerts": [
            {**asdict(a), "key": shown_key(a.key), "since": iso(a.since)}
            for a in incident.alerts.values()
        ],
        "messages": incident.messages,
        **{k: v for k, v in incident.told.items() if k != "risks"},
    }


def iso(seconds: int | None) -> str | None:
    """ISO 8601 in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
