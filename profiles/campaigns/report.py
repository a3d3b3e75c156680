"""The report of one campaign: its arms, the lift, what it cost and what it brought beyond chance.

``feedback`` has a row per person (see ``data.columns.FEEDBACK``). Where nothing is said of
conversions they are the orders of a period. Cost is the sum of the campaign's days. What a campaign
brought is the difference of the arms times the persons treated, not what the treated spent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from data.columns import FEEDBACK
from profiles.bench import lent_for_reading
from profiles.campaigns.errors import CampaignError
from profiles.campaigns.lift import MeanLift, ShareLift, mean_lift, share_lift
from profiles.intervals import wilson_interval
from profiles.persons import by_person
from profiles.store.base import Store

ARMS: Final = ("treatment", "holdout")
STAGES: Final = ("sent", "matched", "shown", "clicked", "converted")


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Persons of one arm at each stage; None where no row says anything of it."""

    arm: str
    persons: int
    sent: int | None
    matched: int | None
    shown: int | None
    clicked: int | None
    converted: int | None
    conversion: float | None
    low: float | None
    high: float | None
    amount_cny: float | None
    mean_cny: float | None


@dataclass(frozen=True, kw_only=True)
class Returns:
    """Brought beyond the holdout, and by cost; bounds follow from those of the lift.

    ``roi`` is (incremental amount - cost) / cost.
    """

    cost_cny: float | None
    conversions: float
    conversions_low: float
    conversions_high: float
    amount_cny: float | None
    amount_low_cny: float | None
    amount_high_cny: float | None
    roi: float | None
    roi_low: float | None
    roi_high: float | None
    cost_per_conversion_cny: float | None


@dataclass(frozen=True, kw_only=True)
class CampaignReport:
    """One campaign; without a holdout there is no lift and nothing to say of returns."""

    campaign_id: str
    name: str | None
    arms: tuple[Arm, ...]
    lift: ShareLift | None
    spend_lift: MeanLift | None
    returns: Returns | None
    notes: tuple[str, ...]


def read_report(
    store: Store,
    name: str,
    *,
    orders_from: datetime | None = None,
    orders_to: datetime | None = None,
    cost_cny: float | None = None,
) -> CampaignReport:
    """The report of a stored campaign, by its id or name.

    Between ``orders_from`` and ``orders_to`` orders are the conversions, whatever the feedback
    says.

    Raises:
        CampaignError: nothing is known of it, or it has no feedback.
    """
    with lent_for_reading(store, ("campaigns",)) as here:
        ids = here.read(
            """SELECT campaign_id, any_value(campaign_name) AS name, sum(cost_cny) AS cost
               FROM campaigns WHERE $name IN (campaign_id, campaign_name) GROUP BY campaign_id
               ORDER BY campaign_id""",
            {"name": name},
        ).to_pylist()
    if len(ids) > 1:
        found = ", ".join(row["campaign_id"] for row in ids)
        raise CampaignError(f"expected one campaign named {name!r}, found {found}; give the id")
    campaign = ids[0]["campaign_id"] if ids else name
    rows = feedback_of(store, campaign)
    if not rows.num_rows:
        raise CampaignError(
            f"expected feedback of the campaign {name!r}, found none; load it with: "
            "tingfeng ingest feedback FILE"
        )
    if orders_from is not None and orders_to is not None:
        with lent_for_reading(store, ("orders", "person_identifiers")) as here:
            orders = here.read(
                f"""SELECT user_id, sum(amount_cny) AS amount_cny FROM ({by_person("orders")})
                    WHERE time >= $a AND time < $b GROUP BY user_id""",
                {"a": orders_from, "b": orders_to},
            )
        rows = with_orders(rows, orders)
    known = ids[0] if ids else {"name": None, "cost": None}
    cost = cost_cny if cost_cny is not None else known["cost"]
    return report(rows, campaign, name=known["name"], cost_cny=cost)


def feedback_of(store: Store, campaign: str) -> pa.Table:
    """The stored feedback of a campaign by its id; ``user_id`` is the person."""
    table = store.table("feedback")
    own = {"feedback": table.filter(table.campaign_id == campaign)}
    with lent_for_reading(store, ("person_identifiers",), rows=own) as here:
        return here.read(
            f"SELECT * FROM ({by_person('feedback')}) WHERE campaign_id = $id", {"id": campaign}
        )


def with_orders(feedback: pa.Table, orders: pa.Table) -> pa.Table:
    """The feedback with conversions and amounts from ``orders`` (``user_id``, ``amount_cny``)."""
    with duckdb.connect() as connection:
        connection.register("feedback_in", feedback)
        connection.register("orders_in", orders)
        return connection.sql(
            """SELECT f.* REPLACE (o.user_id IS NOT NULL AS converted,
                   coalesce(o.amount_cny, 0) AS amount_cny)
               FROM feedback_in f LEFT JOIN orders_in o USING (user_id)"""
        ).to_arrow_table()


def report(
    feedback: pa.Table, campaign: str, *, name: str | None = None, cost_cny: float | None = None
) -> CampaignReport:
    """The report from rows of one campaign, one or more per person (the account's are put
    together).

    Raises:
        CampaignError: an arm is neither treatment nor holdout, or one person is in both.
    """
    persons = _persons(feedback)
    arms = {arm: persons.filter(pa.array(_is_arm(persons, arm))) for arm in ARMS}
    told = tuple(_arm(arm, table) for arm, table in arms.items() if table.num_rows)
    notes = _notes(told)
    lift, spend, returns = None, None, None
    if len(told) == 2 and None not in (told[0].converted, told[1].converted):
        first, second = (one.converted or 0 for one in told)
        lift = share_lift(first, told[0].persons, second, told[1].persons)
        if told[0].amount_cny is not None and told[1].amount_cny is not None:
            spend = mean_lift(*(_amounts(arms[arm]) for arm in ARMS))
        returns = _returns(told[0].persons, lift, spend, cost_cny)
    return CampaignReport(
        campaign_id=campaign,
        name=name,
        arms=told,
        lift=lift,
        spend_lift=spend,
        returns=returns,
        notes=notes,
    )


def _persons(feedback: pa.Table) -> pa.Table:
    """One row per person, complete columns, the arm never null."""
    for field in FEEDBACK:
        if field.name not in feedback.column_names:
            feedback = feedback.append_column(field, pa.nulls(feedback.num_rows, field.type))
    stages = ", ".join(f"bool_or({stage}) AS {stage}" for stage in STAGES)
    with duckdb.connect() as connection:
        connection.register("feedback_in", feedback)
        table = connection.sql(
            f"""SELECT user_id, min(coalesce(arm, 'treatment')) AS arm,
                    count(DISTINCT coalesce(arm, 'treatment')) AS arms, {stages},
                    max(amount_cny) AS amount_cny
                FROM feedback_in GROUP BY user_id ORDER BY user_id"""
        ).to_arrow_table()
    unknown = sorted({str(one) for one in table["arm"].unique().to_pylist()} - set(ARMS))
    if unknown:
        raise CampaignError(
            f"arm: expected treatment or holdout, found {', '.join(unknown)}; correct the feedback"
        )
    both = int(np.sum(table["arms"].to_numpy() > 1))
    if both:
        raise CampaignError(
            f"expected each person in one arm, found {both:,} in both; split by person"
        )
    return table


def _is_arm(persons: pa.Table, arm: str) -> list[bool]:
    return [one == arm for one in persons["arm"].to_pylist()]


def _arm(arm: str, table: pa.Table) -> Arm:
    counts: dict[str, Any] = {}
    for stage in STAGES:
        column = table[stage]
        known = column.null_count < len(column)
        counts[stage] = int(np.sum(column.fill_null(False).to_numpy())) if known else None
    converted, persons = counts["converted"], table.num_rows
    low, high = wilson_interval(converted or 0, persons)
    told = converted is not None
    has_amount = table["amount_cny"].null_count < persons
    amount = float(np.sum(_amounts(table))) if has_amount else None
    return Arm(
        arm=arm,
        persons=persons,
        **counts,
        conversion=converted / persons if told else None,
        low=float(low) if told else None,
        high=float(high) if told else None,
        amount_cny=amount,
        mean_cny=None if amount is None else amount / persons,
    )


def _amounts(table: pa.Table) -> Any:
    return table["amount_cny"].fill_null(0.0).to_numpy()


def _notes(arms: tuple[Arm, ...]) -> tuple[str, ...]:
    notes = []
    names = {one.arm for one in arms}
    notes += [f"no {arm}: a lift needs both arms" for arm in ARMS if arm not in names]
    notes += [
        f"nothing is said of conversions in the {one.arm}: give --orders-from and --orders-to"
        for one in arms
        if one.converted is None
    ]
    if any(one.arm == "holdout" and (one.shown or 0) > 0 for one in arms):
        notes.append("persons of the holdout were shown the campaign: the lift is too small")
    return tuple(notes)


def _returns(
    treated: int, lift: ShareLift, spend: MeanLift | None, cost_cny: float | None
) -> Returns:
    amounts = (None, None, None)
    if spend is not None:
        bounds = (spend.difference, spend.low, spend.high)
        amounts = tuple(None if one is None else one * treated for one in bounds)  # type: ignore[assignment]
    roi = tuple(
        None if one is None or not cost_cny else (one - cost_cny) / cost_cny for one in amounts
    )
    brought = lift.difference * treated
    return Returns(
        cost_cny=cost_cny,
        conversions=brought,
        conversions_low=lift.low * treated,
        conversions_high=lift.high * treated,
        amount_cny=amounts[0],
        amount_low_cny=amounts[1],
        amount_high_cny=amounts[2],
        roi=roi[0],
        roi_low=roi[1],
        roi_high=roi[2],
        cost_per_conversion_cny=cost_cny / brought if cost_cny and brought > 0 else None,
    )
