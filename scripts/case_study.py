"""The case study of docs/case-study.md: from comments to the lift of a campaign, by the commands.

    python scripts/case_study.py --out var/case-study            # or: make case-study

Runs the demo, names its buyers' segments, keeps an audience with a holdout, asks for advice,
exports a list, and lets an invented campaign run: its outcome is drawn from a seed with a stated
true effect, because the demo's persons are invented too. Then the outcome is loaded, the lift
reported and the result written back as tags. Prints one line per figure that the page quotes,
``key = value``.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import random
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

AS_OF: Final = "2026-09-28"
AUDIENCE: Final = "买过的人"
RULE: Final = "spending.orders >= 1"
SEGMENT: Final = "重要价值"
HOLDOUT: Final = 0.4
CAMPAIGN: Final = "autumn-tea"
SEED: Final = 20261001
TRUE_BASE: Final = 0.15  # conversion of the holdout
TRUE_LIFT: Final = 0.25  # what the campaign adds to it
MATCHED: Final = 0.85
SHOWN: Final = 0.9
CLICKED: Final = 0.3
ORDER_CNY: Final = 38.0
COST_CNY: Final = 200.0
# the demo's persons are invented, so their key may be known: with a key of chance other persons
# would be held out at each run, and every figure from there on would be another
KEY: Final = hashlib.sha256(b"tingfeng case study").hexdigest()
FEEDBACK_COLUMNS: Final = (
    "campaign_id", "platform", "user_id", "arm", "sent", "matched", "shown", "clicked",
    "converted", "amount_cny",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("var/case-study"))
    parser.add_argument("--demo", type=Path, help="the folder of a demo that was run already")
    arguments = parser.parse_args()
    for key, value in case_study(arguments.out, arguments.demo):
        print(f"{key} = {value}", flush=True)


def case_study(out: Path, demo: Path | None) -> Iterator[tuple[str, Any]]:
    """Every figure in the order of the page; ``demo`` is copied, never changed."""
    home = out / "demo"
    out.mkdir(parents=True, exist_ok=True)
    _make_demo(home, demo)
    tingfeng = Commands(home)
    yield from _comments_and_profiles(tingfeng, home)
    yield from _segments(tingfeng)
    yield from _audience_and_advice(tingfeng)
    members = _members(home)
    yield from _exported(tingfeng, out, home)
    _write_feedback(out / "feedback.csv", members)
    yield from _campaign(tingfeng, out)


class Commands:
    """``tingfeng`` in this process, over one home folder."""

    def __init__(self, home: Path) -> None:
        self._store = str(home / "tingfeng.duckdb")

    def text(self, *words: str) -> str:
        """What a command prints."""
        from serving.cli.main import app

        said = StringIO()
        with redirect_stdout(said):
            code = app(args=[*words, "--store", self._store], standalone_mode=False)
        if code:
            raise SystemExit(f"tingfeng {' '.join(words)}: exit code {code}")
        return said.getvalue()

    def json(self, *words: str) -> Any:
        """The document of a command."""
        return json.loads(self.text(*words, "--json"))


def _make_demo(home: Path, demo: Path | None) -> None:
    import os
    import shutil

    os.environ["TINGFENG_HOME"] = str(home)
    if demo is None:
        from serving.cli.demo import MARK
        from serving.cli.main import app

        _write_key(home, MARK)
        with redirect_stdout(StringIO()):
            app(args=["demo", "--out", str(home)], standalone_mode=False)
        return
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(demo, home)


def _write_key(home: Path, mark: str) -> None:
    """The key with which the demo makes its store, in a folder that is marked as a demo's."""
    from profiles.keys import KEY_FILE_NAME

    path = home / KEY_FILE_NAME
    if not home.exists() or (home / mark).exists():
        home.mkdir(parents=True, exist_ok=True)
        (home / mark).touch()
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(KEY + "\n", "ascii")


def _comments_and_profiles(tingfeng: Commands, home: Path) -> Iterator[tuple[str, Any]]:
    yield "comments", len(_query(home, "SELECT 1 FROM comments"))
    yield (
        "comments_negative",
        len(_query(home, "SELECT 1 FROM comments WHERE sentiment = 'negative'")),
    )
    yield "persons", tingfeng.json("audience", "count", "--where", "interest.n known")["persons"]
    food = tingfeng.json("audience", "count", "--where", "interest.top = food")
    yield "persons_first_interest_food", food["n"]


def _segments(tingfeng: Commands) -> Iterator[tuple[str, Any]]:
    found = tingfeng.json("rfm", "--as-of", AS_OF, "--save")
    yield "rfm_buyers", found["persons"]
    yield "rfm_tie_share", f"{found['tie_share']:.1%}"
    for row in found["summary8"]:
        if row["key"] == SEGMENT:
            yield "rfm_top_segment_persons", row["persons"]
            yield "rfm_top_segment_revenue_share", f"{row['revenue_share'] or 0:.1%}"
    chosen = tingfeng.json("audience", "count", "--where", f"segment = {SEGMENT}")
    yield "rule_over_segment", chosen["n"]


def _audience_and_advice(tingfeng: Commands) -> Iterator[tuple[str, Any]]:
    made = tingfeng.json("audience", "create", AUDIENCE, "--where", RULE, "--holdout", str(HOLDOUT))
    yield "audience_persons", made["n"]
    yield "audience_held_out", made["n_held_out"]
    advice = tingfeng.json("advice", "--audience", AUDIENCE)
    yield "advice_comments", advice["facts"]["comments"]
    for at, line in enumerate(advice["brief"]["lines"], start=1):
        yield f"advice_{at}_{line['part']}", line["text"]
    yield "advice_missing", "、".join(advice["brief"]["missing"]) or "–"


def _exported(tingfeng: Commands, out: Path, home: Path) -> Iterator[tuple[str, Any]]:
    """A list for an ad platform: invented numbers for every second buyer, most with consent."""
    buyers = _query(home, "SELECT DISTINCT user_id FROM orders ORDER BY user_id")
    path = out / "identifiers.csv"
    with path.open("w", encoding="utf-8", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(["person_id", "type", "value", "consent"])
        for i, (person,) in enumerate(buyers[::2]):
            rows.writerow([person, "phone", f"138{i:08d}", "会员协议" if i % 3 else "否"])
    manifest = tingfeng.json(
        "audience", "export", AUDIENCE, "--platform", "tencent_phone_sha256",
        "--identifiers", str(path), "--out", str(out / "export"), "--as", CAMPAIGN,
    )  # fmt: skip
    for name in ("held_out", "without_identifier", "without_consent", "rows"):
        yield f"export_{name}", manifest[name]


def _campaign(tingfeng: Commands, out: Path) -> Iterator[tuple[str, Any]]:
    yield "true_lift", f"{TRUE_LIFT:+.1%}"
    tingfeng.text("ingest", "feedback", str(out / "feedback.csv"))
    found = tingfeng.json("campaign", "report", CAMPAIGN, "--cost", str(COST_CNY))
    for arm in found["arms"]:
        yield f"{arm['arm']}_persons", arm["persons"]
        yield f"{arm['arm']}_converted", arm["converted"]
        yield f"{arm['arm']}_conversion", f"{arm['conversion']:.1%}"
    lift = found["lift"]
    yield "lift", f"{lift['difference']:+.1%}"
    yield "lift_low", f"{lift['low']:+.1%}"
    yield "lift_high", f"{lift['high']:+.1%}"
    yield "lift_p_value", f"{lift['p_value']:.3g} ({lift['test']})"
    yield "incremental_conversions", f"{found['returns']['conversions']:.1f}"
    roi = found["returns"]["roi"]
    yield "roi", "–" if roi is None else f"{roi:+.0%}"
    tingfeng.text("campaign", "tag", CAMPAIGN)
    again = f'campaign = "campaign:{CAMPAIGN}:shown_not_converted"'
    yield "next_audience", tingfeng.json("audience", "count", "--where", again)["n"]


def _members(home: Path) -> list[tuple[str, str, bool]]:
    """(platform, account, held out) of the audience, one account per person, in order."""
    return _query(
        home,
        f"""SELECT min(platform), min(orders.user_id), held_out
            FROM audience_members JOIN orders ON orders.user_id = person_id
            WHERE audience = '{AUDIENCE}' GROUP BY person_id, held_out ORDER BY person_id""",
    )


def _write_feedback(path: Path, members: list[tuple[str, str, bool]]) -> None:
    """What an ad platform would report; conversions are drawn at the true rates."""
    sources = _sources(path.parent / "demo")
    dice = random.Random(SEED)
    with path.open("w", encoding="utf-8", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(FEEDBACK_COLUMNS)
        for platform, key, out in members:
            matched = not out and dice.random() < MATCHED
            shown = matched and dice.random() < SHOWN
            clicked = shown and dice.random() < CLICKED
            bought = dice.random() < TRUE_BASE + (0 if out else TRUE_LIFT)
            stages = ["no" if one is False else "yes" for one in (not out, matched, shown, clicked)]
            arm = "holdout" if out else "treatment"
            outcome = ("yes", ORDER_CNY) if bought else ("no", 0)
            rows.writerow([CAMPAIGN, platform, sources[key], arm, *stages, *outcome])


def _sources(home: Path) -> dict[str, str]:
    """The id at the source of each stored account, from the dumps: keys cannot be turned back."""
    from profiles.keys import load_key
    from profiles.store.duckdb_store import DuckDBStore

    with (
        (home / "dumps" / "orders.csv").open(encoding="utf-8-sig", newline="") as lines,
        DuckDBStore(str(home / "tingfeng.duckdb"), key=load_key(home)) as store,
    ):
        accounts = sorted({(row["platform"], row["user_id"]) for row in csv.DictReader(lines)})
        return {store.person_id(platform, user): user for platform, user in accounts}


def _query(home: Path, sql: str) -> list[tuple[Any, ...]]:
    import duckdb

    with duckdb.connect(str(home / "tingfeng.duckdb"), read_only=True) as store:
        return store.execute(sql).fetchall()


if __name__ == "__main__":
    main()
