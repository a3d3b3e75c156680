"""Writes the bundled sample: five platforms' dumps, users, events and orders.

The same seed gives the same bytes: one generator of random numbers, no clock, no order of a set.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data.sample.comment_rows import comment_row
from data.sample.comments import Comment, build_comments
from data.sample.content_rows import content_row
from data.sample.corpus import Content, read_contents, read_lines, read_threads
from data.sample.crawl import Sighting, build_sightings
from data.sample.events import build_events
from data.sample.files import Row, write_csv, write_jsonl
from data.sample.orders import build_orders, order_rows
from data.sample.people import Person, build_people
from data.sample.personas import assign_authors, persona_names
from data.sample.schedule import build_schedule

DEFAULT_SEED = 20260901
_CSV_PLATFORMS = ("xhs", "shop")


@dataclass(frozen=True, kw_only=True)
class SampleFiles:
    """Where the sample lies, and which corpus line stands behind each (platform, comment id)."""

    comments: Mapping[str, Path]
    contents: Mapping[str, Path]
    users: Path
    events: Path
    orders: Path
    truth: Mapping[tuple[str, str], str]

    @property
    def paths(self) -> list[Path]:
        """Every file written."""
        dumps = [*self.comments.values(), *self.contents.values()]
        return [*dumps, self.users, self.events, self.orders]


def build_sample(out_dir: Path, *, seed: int = DEFAULT_SEED) -> SampleFiles:
    """The sample's files in ``out_dir``, made if missing; files of the same name are replaced."""
    out_dir.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    contents = read_contents()
    slots = build_schedule(rng, read_lines(), contents, read_threads())
    people = build_people(rng, persona_names())
    comments = build_comments(rng, slots, assign_authors(rng, slots, people))
    sightings = build_sightings(rng, comments)
    orders = build_orders(rng, people)
    events = build_events(rng, people, contents, comments, orders)
    return SampleFiles(
        comments=_write_comments(out_dir, sightings),
        contents=_write_contents(out_dir, contents),
        users=write_csv(out_dir / "users.csv", [_user_row(person) for person in people]),
        events=write_csv(out_dir / "events.csv", events),
        orders=write_csv(out_dir / "orders.csv", order_rows(orders)),
        truth=_truth(comments),
    )


def _write_comments(out_dir: Path, sightings: list[Sighting]) -> dict[str, Path]:
    rows: dict[str, list[Row]] = {}
    for sighting in sightings:
        rows.setdefault(sighting.comment.platform, []).append(comment_row(sighting))
    names = {platform: f"{platform}_comments" for platform in rows} | {"shop": "shop_reviews"}
    return {p: _write(out_dir, names[p], p, rows[p]) for p in sorted(rows)}


def _write_contents(out_dir: Path, contents: dict[str, Content]) -> dict[str, Path]:
    rows: dict[str, list[Row]] = {}
    for content in contents.values():
        rows.setdefault(content.platform, []).append(content_row(content))
    names = {platform: f"{platform}_contents" for platform in rows} | {"shop": "shop_products"}
    return {p: _write(out_dir, names[p], p, rows[p]) for p in sorted(rows)}


def _write(out_dir: Path, name: str, platform: str, rows: list[Row]) -> Path:
    if platform in _CSV_PLATFORMS:
        return write_csv(out_dir / f"{name}.csv", rows)
    return write_jsonl(out_dir / f"{name}.jsonl", rows)


def _user_row(person: Person) -> Row:
    return {
        "platform": person.platform,
        "user_id": person.user_id,
        "gender": person.gender,
        "age_group": person.age_group,
        "city": person.city,
        "registered_at": person.registered,
        "level": person.level,
    }


def _truth(comments: list[Comment]) -> dict[tuple[str, str], str]:
    return {(c.platform, c.comment_id): c.corpus_id for c in comments if c.corpus_id is not None}
