"""RFM, lifetime value, groups, influence, funnels and audiences beside their peers, in one run.

python -m benchmarks.segments                                  # 1 M orders, 1 M edges, 5 M events, 10 M persons; minutes
python -m benchmarks.segments --scale 0.02                     # a try
python -m benchmarks.segments --orders cdnow_orders.csv        # CDNOW as you have it: person_id, date, amount
python -m benchmarks.segments --only graph --skip-slow         # one part; without networkx, which takes a minute or two

Peers: pandas (RFM), lifetimes (LTV), scikit-learn (groups), SciPy, networkx and igraph (graph), chdb (funnel), NumPy and
DuckDB (audiences). One that is not installed is named as such. Ours is the best of --repeats, so is a quick peer; slow
peers run once.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from benchmarks.segments import graph, people, value
from benchmarks.segments.table import Table


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--skip-slow", action="store_true")
    parser.add_argument(
        "--orders",
        type=Path,
        help="an order file of CDNOW in place of the one that lifetimes ships",
    )
    parser.add_argument(
        "--only", action="append", choices=("rfm", "ltv", "groups", "graph", "funnel", "audiences")
    )
    given = parser.parse_args()
    table, n = Table(repeats=given.repeats), given.scale
    parts = {
        "rfm": partial(people.rfm, n=int(1_000_000 * n)),
        "ltv": partial(value.ltv, orders=given.orders),
        "groups": partial(people.groups, n=int(200_000 * n)),
        "graph": partial(graph.graph, n=int(200_000 * n), slow=not given.skip_slow),
        "funnel": partial(people.funnel, n=int(5_000_000 * n)),
        "audiences": partial(people.audiences, n=int(10_000_000 * n)),
    }
    table.head()
    for name, run in parts.items():
        if not given.only or name in given.only:
            run.__dict__["__name__"] = name
            table.part(run)


if __name__ == "__main__":
    main()
