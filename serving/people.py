"""Persons for commands: tables brought up to the last refresh, packs and rules of the settings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from profiles.audiences.bitmaps import Bitmaps
from profiles.conditions.tree import Condition, check
from profiles.people import SETS, People, refresh_people
from profiles.read import last_refresh
from profiles.tags.pack import Pack, load_pack
from serving.cli.common import run_id
from serving.errors import ServingError
from serving.settings import Settings

if TYPE_CHECKING:
    from profiles.store.base import Store

VERB = "people"


class NotRefreshedError(ServingError):
    """There are no profiles yet."""


def packs_of(config: Settings) -> list[Pack]:
    """The industry packs of the settings.

    Raises:
        PackError: a pack that is not there or does not fit.
    """
    return [load_pack(name) for name in config.packs]


def open_people(store: Store, config: Settings) -> tuple[People, datetime]:
    """The persons of a store and the moment they are as of; facts and tags made when stale.

    Raises:
        NotRefreshedError: no refresh has been made.
        PackError: packs or tag rules that do not fit.
    """
    as_of = last_refresh(store)
    if as_of is None:
        raise NotRefreshedError("expected profiles, found none; run tingfeng refresh first")
    packs = packs_of(config)
    if not is_current(store, config):
        make_people(store, config, packs, as_of)
    return People(store, packs), as_of


def is_current(store: Store, config: Settings) -> bool:
    """Whether facts, fields and tags are of the last refresh, packs and rules."""
    return _made_for(store) == _state(store, config)


def make_people(store: Store, config: Settings, packs: list[Pack], as_of: datetime) -> int:
    """Makes facts, fields and tags anew and records it; the number of rows of tags."""
    run = run_id("people")
    own = [config.tags] if config.tags else []
    made = refresh_people(store, packs, own, as_of, run)
    row = {
        "run_id": f"{run} {_state(store, config)}",
        "verb": VERB,
        "recorded_at": datetime.now(UTC),
        "as_of": as_of,
        "n_rows": made["tags"],
    }
    store.bulk_load("runs", pa.Table.from_pylist([row]))
    return made["tags"]


def bitmaps_of(people: People, config: Settings, as_of: datetime, *, keep: bool = True) -> Bitmaps:
    """Bitmaps of the persons; ``keep`` leaves them in the home folder for the next count."""
    size = people.store.count("person_facts")
    made = _last_made(people.store) or as_of.isoformat()
    name = "".join(c for c in f"{people.store.url}-{made}" if c.isalnum())[-80:]
    folder = config.home / "bitmaps" / name if keep else None
    passing = frozenset(SETS) - {"tag"}
    return Bitmaps(size=size, ask=people.ordinals, folder=folder, passing=passing)


def checked(people: People, condition: Condition) -> Condition:
    """The condition with values as the fields have them.

    Raises:
        ConditionError: it cannot be meant.
    """
    return check(condition, people.kinds)


def _state(store: Store, config: Settings) -> str:
    """What the tables follow from: the last refresh, the packs and one's own rules."""
    import hashlib

    own = config.tags.read_bytes() if config.tags and config.tags.is_file() else b""
    runs = store.table("runs")
    last = store.fetch(runs.filter(runs.verb == "refresh").agg(at=runs.recorded_at.max()))
    text = f"{last['at'][0].as_py()} {config.packs}".encode()
    return hashlib.sha256(text + own).hexdigest()[:16]


def _made_for(store: Store) -> str | None:
    """The state of which the tables were made last."""
    made = _last_made(store)
    return made.rpartition(" ")[2] if made else None


def _last_made(store: Store) -> str | None:
    """The run that made the tables last, with the state that they follow from."""
    runs = store.table("runs")
    rows = runs.filter(runs.verb == VERB).order_by(runs.recorded_at.desc()).limit(1)
    found = store.fetch(rows)["run_id"].to_pylist()
    return str(found[0]) if found else None
