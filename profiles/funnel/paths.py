"""The paths that people take from an event on, or to one: nodes and links of a Sankey diagram.

A person's events are cut into sessions where ``gap_s`` pass without one. Of a session the path
begins at its first event of ``start`` (or ends at its last of ``end``, or is the whole of it), and
has at most ``steps`` events; the same event several times in a row counts once. Rare events of a
place are together as ``(others)``, and who goes no further ends at ``(end)``.

Growth: one sort of the events inside DuckDB; it spills to disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from profiles.funnel.errors import SpecError
from profiles.funnel.relation import Relation

GAP_S: Final = 1800.0  # half an hour of silence, as web analytics has it
OTHERS: Final = "(others)"
END: Final = "(end)"
START: Final = "(start)"

_SESSIONS: Final = """
CREATE OR REPLACE TEMP TABLE sessions AS
WITH timed AS (
    SELECT person_id, event, {time} AS t, row_number() OVER () AS r FROM {name} WHERE {usable}),
cut AS (
    SELECT *, coalesce(t - lag(t) OVER w > {gap}, TRUE) AS new,
        lag(event) OVER w IS NOT DISTINCT FROM event AS same
    FROM timed WINDOW w AS (PARTITION BY person_id ORDER BY t, r)),
numbered AS (
    SELECT *, sum(new::INTEGER) OVER (PARTITION BY person_id ORDER BY t, r) AS s FROM cut)
SELECT person_id, dense_rank() OVER (ORDER BY person_id, s) AS session, event, t, r
FROM numbered WHERE new OR NOT same"""
_FROM: Final = """
CREATE OR REPLACE TEMP TABLE anchored AS
SELECT session, t, r FROM sessions
WHERE $anchor::VARCHAR IS NULL OR event = $anchor::VARCHAR
QUALIFY row_number() OVER (PARTITION BY session ORDER BY t {turn}, r {turn}) = 1"""
_PLACED: Final = """
CREATE OR REPLACE TEMP TABLE placed AS
WITH walked AS (
    SELECT s.*,
        row_number() OVER (PARTITION BY session ORDER BY s.t {turn}, s.r {turn}) - 1 AS place
    FROM sessions s JOIN anchored a USING (session)
    WHERE (s.t, s.r) = (a.t, a.r) OR ('{turn}' = 'ASC' AND (s.t, s.r) > (a.t, a.r))
        OR ('{turn}' = 'DESC' AND (s.t, s.r) < (a.t, a.r))
    QUALIFY place < {steps}),
ranked AS (
    SELECT place, event,
        row_number() OVER (PARTITION BY place ORDER BY count(*) DESC, event) AS rank
    FROM walked GROUP BY place, event)
SELECT session, person_id, place, t, CASE WHEN rank <= {top} THEN event ELSE {others} END AS event
FROM walked JOIN ranked USING (place, event)"""
_NODES: Final = (
    "SELECT event, place, count(*) FROM placed GROUP BY ALL ORDER BY place, 3 DESC, event"
)
_LINKS: Final = """
SELECT a.event, a.place, coalesce(b.event, '{end}'), count(*), count(DISTINCT a.person_id),
    median(abs(b.t - a.t)) / 1000.0
FROM placed a LEFT JOIN placed b ON a.session = b.session AND b.place = a.place + 1
WHERE a.place < {steps} - 1 GROUP BY ALL ORDER BY a.place, 4 DESC, 1, 3"""


@dataclass(frozen=True, kw_only=True)
class Node:
    """An event at one place of the path; ``depth`` counts from 0, or from -1 down where paths lead
    to an event (0).
    """

    id: str
    event: str
    depth: int
    sessions: int


@dataclass(frozen=True, kw_only=True)
class Link:
    """How many sessions went from one node to the next, of how many persons, and how long it took
    (median; None where the path ends or begins).
    """

    source: str
    target: str
    sessions: int
    persons: int
    median_s: float | None


@dataclass(frozen=True, kw_only=True)
class Paths:
    """What enters a node leaves it: nodes hold as many sessions as the links into and out of
    them.
    """

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    sessions: int
    persons: int
    rows_in: int
    rejected: int


def read_paths(
    events: Relation,
    *,
    start: str | None = None,
    end: str | None = None,
    steps: int = 5,
    gap_s: float = GAP_S,
    top: int = 8,
) -> Paths:
    """The paths from ``start``, to ``end``, or of whole sessions; ``top`` events per place by name.

    Raises:
        SpecError: both start and end are given, or a number is out of range.
    """
    _check(start, end, steps, gap_s, top)
    run = events.connection.execute
    run(
        _SESSIONS.format(
            name=events.name, time=events.time_ms, usable=events.usable, gap=gap_s * 1000
        )
    )
    turn = "DESC" if end is not None else "ASC"
    run(_FROM.format(turn=turn), {"anchor": end if end is not None else start})
    run(_PLACED.format(turn=turn, steps=steps, others=f"'{OTHERS}'", top=top))
    links = run(_LINKS.format(end=START if end is not None else END, steps=steps)).fetchall()
    total = run("SELECT count(DISTINCT session), count(DISTINCT person_id) FROM placed").fetchone()
    counted = run(
        f"SELECT count(*), count(*) FILTER (NOT ({events.usable})) FROM {events.name}"
    ).fetchone()
    backwards = end is not None
    nodes = [_node(row, backwards) for row in run(_NODES).fetchall()]
    ends = {row[1] for row in links if row[2] in (START, END)}
    return Paths(
        nodes=(*nodes, *(_edge(links, place, backwards) for place in sorted(ends))),
        links=tuple(_link(row, backwards) for row in links),
        sessions=total[0] if total else 0,
        persons=total[1] if total else 0,
        rows_in=counted[0] if counted else 0,
        rejected=counted[1] if counted else 0,
    )


def _check(start: str | None, end: str | None, steps: int, gap_s: float, top: int) -> None:
    if start is not None and end is not None:
        raise SpecError("expected a start or an end of the paths, found both; give one of them")
    if not 2 <= steps <= 20:
        raise SpecError(f"steps: expected 2 to 20, found {steps}; correct it")
    if not gap_s > 0:
        raise SpecError(f"gap: expected seconds above 0, found {gap_s}; correct it")
    if not 1 <= top <= 50:
        raise SpecError(f"top: expected 1 to 50, found {top}; correct it")


def _name(event: str, place: int, backwards: bool) -> str:
    return f"{-place if backwards else place}:{event}"


def _node(row: tuple[str, int, int], backwards: bool) -> Node:
    event, place, sessions = row
    depth = -place if backwards else place
    return Node(id=_name(event, place, backwards), event=event, depth=depth, sessions=sessions)


def _edge(links: list[Any], place: int, backwards: bool) -> Node:
    """The node at which the paths end that go no further than ``place``."""
    word = START if backwards else END
    sessions = sum(row[3] for row in links if row[1] == place and row[2] == word)
    return _node((word, place + 1, sessions), backwards)


def _link(row: tuple[str, int, str, int, int, float | None], backwards: bool) -> Link:
    event, place, following, sessions, persons, median_s = row
    here, there = _name(event, place, backwards), _name(following, place + 1, backwards)
    return Link(
        source=there if backwards else here,
        target=here if backwards else there,
        sessions=sessions,
        persons=persons,
        median_s=median_s,
    )
