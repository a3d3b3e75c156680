"""Scores 1..5 for recency, frequency and spend, and what hung on a tie-break.

``ties``: equal persons get equal scores, the fifth in which the last of them stands; classes may be
uneven or empty. ``ntile``: five classes of one size; equal persons are parted by their id.
``rules``: fixed thresholds. The nearest, the most frequent and the largest get 5.

A person's score hangs on a tie-break where five equal classes would part persons who are equal in
that measure; that share is a property of the data and is told whatever the method.

Growth: a sort per measure for ``ntile``; group-bys by value for the rest.
"""

from __future__ import annotations

from typing import Final, Literal

import duckdb

from profiles.rfm.rules import Rules

Method = Literal["ties", "ntile", "rules"]
CLASSES: Final = 5
# (score, column, ascending order in which 5 comes last)
_MEASURES: Final = (("r", "-recency_days"), ("f", "frequency"), ("m", "spend_fen"))
# ids of digits alone stand in the order of their numbers
_BY_ID: Final = "try_cast(person_id AS HUGEINT) NULLS LAST, person_id"


def score_persons(
    connection: duckdb.DuckDBPyConnection, method: Method, rules: Rules | None = None
) -> None:
    """Make the table ``scored`` of the table ``persons``: with r, f, m (1..5) and tied.

    ``tied`` tells whether one of the person's quantile scores would hang on a tie-break.
    """
    for score, value in _MEASURES:
        connection.execute(_places(score, value))
    if rules is not None:
        scores = ", ".join(f"{_by_limits(name, rules)} AS {name}" for name in ("r", "f", "m"))
    elif method == "ntile":
        scores = ", ".join(
            f"ntile({CLASSES}) OVER (ORDER BY {value}, {_BY_ID}) AS {score}"
            for score, value in _MEASURES
        )
    else:
        scores = ", ".join(f"{s}_places.kept AS {s}" for s, _ in _MEASURES)
    joins = " ".join(f"JOIN {s}_places ON {s}_places.value = {value}" for s, value in _MEASURES)
    tied = ", ".join(f"{s}_places.parted AS {s}_tied" for s, _ in _MEASURES)
    connection.execute(
        f"""CREATE OR REPLACE TABLE scored AS
            SELECT persons.*, {scores}, {tied} FROM persons {joins}"""
    )


def tie_report(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Return shares of persons, 0..1, of the table ``scored``; 0 where nobody is.

    any, r, f, m: whose score (one of them, that one) would hang on a tie-break; largest: the
    largest group of equal persons that a tie-break would part, in one measure.
    """
    row = connection.execute(
        """SELECT count(*), count(*) FILTER (r_tied OR f_tied OR m_tied),
            count(*) FILTER (r_tied), count(*) FILTER (f_tied), count(*) FILTER (m_tied)
           FROM scored"""
    ).fetchone()
    largest = " UNION ALL ".join(
        f"SELECT max(n) AS n FROM {s}_places WHERE parted" for s, _ in _MEASURES
    )
    found = connection.execute(f"SELECT coalesce(max(n), 0) FROM ({largest})").fetchone()
    assert row is not None and found is not None
    persons = max(int(row[0]), 1)
    names = ("any", "r", "f", "m", "largest")
    return dict(zip(names, (n / persons for n in (*row[1:], found[0])), strict=True))


def _places(score: str, value: str) -> str:
    """The table of distinct values: their score with ties kept, and whether classes part them."""
    return f"""CREATE OR REPLACE TABLE {score}_places AS
        WITH counted AS (SELECT {value} AS value, count(*) AS n FROM persons GROUP BY ALL),
        placed AS (
            SELECT value, n, sum(n) OVER (ORDER BY value)::BIGINT AS last,
                (sum(n) OVER ())::BIGINT AS persons
            FROM counted)
        SELECT value, n, (({CLASSES} * last + persons - 1) // persons)::INTEGER AS kept,
            {_class("last - n + 1")} <> {_class("last")} AS parted
        FROM placed"""


def _class(place: str) -> str:
    """SQL for the class of NTILE of the person at a place, counted from 1."""
    size, rest = f"(persons // {CLASSES})", f"(persons % {CLASSES})"
    return f"""CASE WHEN {place} <= {rest} * ({size} + 1)
        THEN ({place} - 1) // ({size} + 1) + 1
        ELSE {rest} + ({place} - {rest} * ({size} + 1) - 1) // greatest({size}, 1) + 1 END"""


def _by_limits(score: str, rules: Rules) -> str:
    """SQL for the score under fixed thresholds; a value on a limit is inside."""
    if score == "r":
        terms = [f"(recency_days > {limit})::INTEGER" for limit in rules.recency_days]
        return f"({CLASSES} - ({' + '.join(terms)}))"
    limits, column = (
        (rules.frequency, "frequency") if score == "f" else (rules.spend_cny, "spend_fen / 100.0")
    )
    terms = [f"({column} >= {limit})::INTEGER" for limit in limits]
    return f"(1 + {' + '.join(terms)})"
