"""What each stored table looks like: columns, natural key, and what a load may bring.

``INPUTS`` names the tables that ``load`` fills; ``DERIVED`` those that a refresh makes. User names
are in none of them: a profile needs to tell persons apart, not to name them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import pyarrow as pa

from data import columns
from data.labels import INTERESTS
from profiles.errors import StoreError

SCHEMA_VERSION: Final = 3

USERS, EVENTS, ORDERS = columns.USERS, columns.EVENTS, columns.ORDERS


@dataclass(frozen=True, kw_only=True)
class InputTable:
    """One table that ``load`` fills: its columns and the columns that make a row the same row."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    scores: frozenset[str] = frozenset()  # columns that are only true of the text they came with


def _without_user_name(schema: pa.Schema) -> list[pa.Field]:
    return [field for field in schema if field.name != "user_name"]


INPUTS: Final = MappingProxyType(
    {
        table.name: table
        for table in (
            InputTable(
                name="comments",
                schema=pa.schema([*_without_user_name(columns.COMMENTS), *columns.SCORES]),
                key=("platform", "comment_id"),
                scores=frozenset(columns.SCORES.names),
            ),
            InputTable(
                name="contents",
                schema=pa.schema(_without_user_name(columns.CONTENTS)),
                key=("platform", "content_id"),
            ),
            InputTable(name="users", schema=USERS, key=("platform", "user_id")),
            InputTable(
                name="events",
                schema=EVENTS,
                key=("platform", "user_id", "event", "time", "content_id"),
            ),
            InputTable(name="orders", schema=ORDERS, key=("platform", "order_id")),
            InputTable(
                name="relations",
                schema=columns.RELATIONS,
                key=("platform", "user_id", "target_id", "relation"),
            ),
            InputTable(
                name="campaigns",
                schema=columns.CAMPAIGNS,
                key=("platform", "campaign_id", "time"),
            ),
            InputTable(
                name="feedback",
                schema=columns.FEEDBACK,
                key=("platform", "campaign_id", "user_id"),
            ),
        )
    }
)

ACCOUNTS: Final = ("user_id", "target_id")  # columns of inputs that hold accounts, hashed


def account_columns(names: Iterable[str]) -> list[str]:
    """Return the columns among ``names`` that hold accounts."""
    return [name for name in ACCOUNTS if name in names]


def touched_by(spec: InputTable) -> list[tuple[str, str]]:
    """Return what a changed row of an input touches: kinds of ``touched`` and columns with the id.

    ``person/TABLE`` tells the refresh which dimensions to compute. ``old_user_id`` and
    ``old_content_id`` are what the row said before.
    """
    person, names = f"person/{spec.name}", spec.schema.names
    ids = [(person, column) for column in account_columns(names)]
    if "user_id" in names and "user_id" not in spec.key:
        ids.append((person, "old_user_id"))
    if spec.name in {"comments", "contents"}:
        ids += [("content", "content_id"), ("content", "old_content_id")]
    return ids


COUNTED_EMOTION: Final = "STRUCT(emotion VARCHAR, n BIGINT)[]"
EVIDENCE: Final = (
    "STRUCT(comment_id VARCHAR, text VARCHAR, created_at TIMESTAMPTZ, like_count BIGINT,"
    " score DOUBLE)[]"
)
_PROFILE: Final = """person_id VARCHAR, basic JSON, interest JSON, spending JSON, social JSON,
    behaviour JSON, emotion JSON, fingerprint VARCHAR, as_of TIMESTAMPTZ, run_id VARCHAR"""

# every identifier is a key (see profiles.identifiers); an account's key is its rows' user_id
IDENTITY: Final = MappingProxyType(
    {
        "identifiers": "key VARCHAR, type VARCHAR, namespace VARCHAR, run_id VARCHAR",
        # a row of the table ``source`` carried both; a < b
        "links": "a VARCHAR, b VARCHAR, source VARCHAR, run_id VARCHAR",
        # no key of side 0 may be one person with a key of side 1, until lifted
        "cuts": "cut_id VARCHAR, key VARCHAR, side BIGINT, run_id VARCHAR, lifted_by VARCHAR",
        # from here on derived: what resolving made of the three above
        "person_identifiers": "key VARCHAR, person_id VARCHAR",
        "person_aliases": "alias VARCHAR, person_id VARCHAR",
        "refused_links": "a VARCHAR, b VARCHAR, reason VARCHAR, detail VARCHAR",
        "lineage": """recorded_at TIMESTAMPTZ, run_id VARCHAR, verb VARCHAR, key VARCHAR,
            from_person VARCHAR, to_person VARCHAR""",
    }
)

# what persons allowed, and who is not to come back
PRIVACY: Final = MappingProxyType(
    {
        # in force from given_at until withdrawn_at; basis is the ground in law, e.g. consent
        "consents": """person_id VARCHAR, purpose VARCHAR, basis VARCHAR, given_at TIMESTAMPTZ,
            withdrawn_at TIMESTAMPTZ, run_id VARCHAR""",
        # what was said, under the account or person of whom it was; consents are made of these
        "consent_decisions": """key VARCHAR, purpose VARCHAR, basis VARCHAR, given_at TIMESTAMPTZ,
            withdrawn_at TIMESTAMPTZ, run_id VARCHAR""",
        # one keyed hash per forgotten identifier; says nothing about whom it was
        "tombstones": "mark VARCHAR, forgotten_at TIMESTAMPTZ, run_id VARCHAR",
    }
)

# what campaigns left with persons, and what was expected of the key figures
RESULTS: Final = MappingProxyType(
    {
        "campaign_tags": """person_id VARCHAR, campaign_id VARCHAR, tag VARCHAR,
            as_of TIMESTAMPTZ, run_id VARCHAR""",
        "baselines": """scope VARCHAR, scope_id VARCHAR, metric VARCHAR, unit VARCHAR, period DATE,
            value DOUBLE, expected DOUBLE, low DOUBLE, high DOUBLE, state VARCHAR,
            as_of TIMESTAMPTZ, run_id VARCHAR""",
    }
)

# persons as conditions see them (``profiles.people``), and what is kept of their answers
PEOPLE: Final = MappingProxyType(
    {
        # the fields of ``profiles/facts.yaml``, a dot written as two underscores
        "person_facts": """person_id VARCHAR, ordinal BIGINT, interest__top VARCHAR,
            basic__platform VARCHAR, basic__gender VARCHAR, basic__age DOUBLE,
            basic__region VARCHAR, basic__verified BOOLEAN, basic__first_seen TIMESTAMPTZ,
            basic__last_seen TIMESTAMPTZ, basic__days_since_seen DOUBLE, interest__n DOUBLE,
            spending__orders DOUBLE, spending__amount_cny DOUBLE,
            spending__average_order_cny DOUBLE, spending__last_order TIMESTAMPTZ,
            spending__recency_days DOUBLE, spending__discount_share DOUBLE,
            spending__refunds DOUBLE, social__followers DOUBLE, social__in_degree DOUBLE,
            social__out_degree DOUBLE, social__likes_received DOUBLE, social__comments DOUBLE,
            behaviour__events DOUBLE, behaviour__last_stage VARCHAR,
            behaviour__furthest_stage VARCHAR, behaviour__days_since_event DOUBLE,
            emotion__comments DOUBLE, emotion__mean_score DOUBLE, emotion__recent_score DOUBLE,
            emotion__trend DOUBLE, emotion__negative DOUBLE, """
        + ", ".join(f"interest__{topic} DOUBLE" for topic in INTERESTS),
        # what industry packs have read: a value or a number
        "person_fields": """person_id VARCHAR, field VARCHAR, value VARCHAR, number DOUBLE,
            n BIGINT, last_at TIMESTAMPTZ""",
        "tags": """person_id VARCHAR, tag VARCHAR, version BIGINT, since TIMESTAMPTZ,
            as_of TIMESTAMPTZ, run_id VARCHAR""",
        "segments": """person_id VARCHAR, scheme VARCHAR, segment VARCHAR, as_of TIMESTAMPTZ,
            run_id VARCHAR""",
        "audiences": """audience VARCHAR, version BIGINT, rule VARCHAR, holdout DOUBLE,
            min_size BIGINT, n BIGINT, n_held_out BIGINT, saved_at TIMESTAMPTZ, deleted BOOLEAN,
            as_of TIMESTAMPTZ, run_id VARCHAR""",
        "audience_members": """audience VARCHAR, version BIGINT, person_id VARCHAR,
            held_out BOOLEAN, as_of TIMESTAMPTZ, run_id VARCHAR""",
    }
)

# what a content is about, by the comments under it; shares in tenths, place from 1
CONTENT_TOPICS: Final = """platform VARCHAR, content_id VARCHAR, topic VARCHAR, share DOUBLE,
    place BIGINT, as_of TIMESTAMPTZ"""

DERIVED: Final = MappingProxyType(
    {
        **IDENTITY,
        **PRIVACY,
        **RESULTS,
        **PEOPLE,
        "content_topics": CONTENT_TOPICS,
        "persons": """person_id VARCHAR, platform VARCHAR, first_seen_at TIMESTAMPTZ,
            last_seen_at TIMESTAMPTZ, n_comments BIGINT, n_events BIGINT, n_orders BIGINT,
            as_of TIMESTAMPTZ, run_id VARCHAR""",
        # one JSON object per dimension; where fingerprints differ the profile has changed
        "profiles": _PROFILE,
        "profile_history": _PROFILE,
        "content_insights": f"""platform VARCHAR, content_id VARCHAR, n BIGINT, n_judged BIGINT,
            n_negative BIGINT, n_neutral BIGINT, n_positive BIGINT,
            share_negative DOUBLE, share_negative_low DOUBLE, share_negative_high DOUBLE,
            share_neutral DOUBLE, share_neutral_low DOUBLE, share_neutral_high DOUBLE,
            share_positive DOUBLE, share_positive_low DOUBLE, share_positive_high DOUBLE,
            mean_score DOUBLE, emotions {COUNTED_EMOTION},
            keywords STRUCT(keyword VARCHAR, n BIGINT, lift DOUBLE)[],
            aspects STRUCT(aspect VARCHAR, n BIGINT, n_negative BIGINT, n_neutral BIGINT,
                n_positive BIGINT)[],
            risks STRUCT(risk VARCHAR, n BIGINT)[],
            evidence_negative {EVIDENCE}, evidence_positive {EVIDENCE},
            first_at TIMESTAMPTZ, last_at TIMESTAMPTZ,
            hourly STRUCT("hour" TIMESTAMPTZ, n BIGINT, n_judged BIGINT, n_negative BIGINT)[],
            as_of TIMESTAMPTZ, run_id VARCHAR""",
        # what loads have changed since the last refresh
        "touched": "kind VARCHAR, platform VARCHAR, id VARCHAR",
        "runs": """run_id VARCHAR, verb VARCHAR, recorded_at TIMESTAMPTZ, as_of TIMESTAMPTZ,
            n_rows BIGINT, n_inserted BIGINT, n_updated BIGINT, n_unchanged BIGINT""",
        "meta": "name VARCHAR PRIMARY KEY, value VARCHAR",
    }
)


def check_derived(name: str) -> None:
    """Refuse an input table where rows are written as they are.

    Raises:
        StoreError: ``name`` is an input table; its rows are merged by natural key.
    """
    if name in INPUTS:
        raise StoreError(
            f"expected a derived table, found the input table {name}; its rows come in by load"
        )
