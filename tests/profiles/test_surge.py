"""Surges: the rule at its borders, by hand; silence in quiet times; order does not matter."""

from __future__ import annotations

import math
import random
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from profiles.overview import MAX_EVIDENCE
from profiles.surge import detect_surges
from profiles.tail import count_tail

START = datetime(2026, 4, 1, 4, tzinfo=UTC)  # noon in China
AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
QUIET = [(4, 16)] * 5  # negative and positive comments a day


def days_of(content: str, per_day: list[tuple[int, int]], first: int = 0) -> list[dict[str, Any]]:
    """Rows of a content; the comments of a day are a minute apart."""
    return [
        {
            "content_id": content,
            "created_at": START + timedelta(days=first + day, minutes=minute),
            "sentiment": sentiment,
        }
        for day, (bad, good) in enumerate(per_day)
        for minute, sentiment in enumerate(["negative"] * bad + ["positive"] * good)
    ]


def surges(synthetic: ModuleType, *rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    table = synthetic.comments_table([row for one in rows for row in one])
    found: list[dict[str, Any]] = detect_surges(table, AS_OF).to_pylist()
    return found


def test_surge_finds_the_day_that_turned(synthetic: ModuleType, scored: pa.Table) -> None:
    found = detect_surges(scored, synthetic.AS_OF).to_pylist()
    assert ("content", "c6", date(2026, 5, 1)) in [
        (one["scope"], one["content_id"], one["day"]) for one in found
    ]
    assert {one["day"] for one in found} <= {date(2026, 5, 1), date(2026, 5, 2)}
    assert {one["sentiment"] for row in found for one in row["evidence"]} == {"negative"}


def test_surge_evidence_puts_bare_emoji_last(synthetic: ModuleType) -> None:
    rows = days_of("a", [*QUIET, (40, 0)])
    for row, (text, likes) in zip(
        rows[-2:], [("😡😡😡😡", 99), ("喝完就拉肚子了", 1)], strict=True
    ):
        row |= {"text": text, "like_count": likes}
    texts = [one["text"] for one in surges(synthetic, rows)[0]["evidence"]]
    assert texts.index("喝完就拉肚子了") < texts.index("😡😡😡😡")


def test_surge_of_a_content_at_its_border(synthetic: ModuleType) -> None:
    # five days of four and an imagined one of eight: mean 28/6; spread 1, so the tail is geometric;
    # two units, the brand and the content, share a chance of 0.01
    ratio = (28 / 6) / (28 / 6 + 1)
    border = math.ceil(math.log(0.005) / math.log(ratio))
    assert border == 28
    assert [one["scope"] for one in surges(synthetic, days_of("a", [*QUIET, (27, 9)]))] == ["brand"]
    brand, content = surges(synthetic, days_of("a", [*QUIET, (28, 9)]))
    assert (brand["scope"], content["scope"]) == ("brand", "content")
    assert content["alarm_at"] == 28 and content["p_value"] == pytest.approx(ratio**28)
    assert (content["expected"], content["share_before"], content["n_basis"]) == (4.0, 0.2, 5)
    assert content["n_tested"] == 2 and content["basis"] == "own"


def test_surge_of_the_brand_at_its_border(synthetic: ModuleType) -> None:
    # the same mean with spread 1/2: shape 4, so q = mean / (mean + 4), and the tail by plain sums
    q = (28 / 6) / (28 / 6 + 4)
    chances = [math.comb(k + 3, 3) * (1 - q) ** 4 * q**k for k in range(200)]
    border = next(k for k in range(200) if sum(chances[k:]) <= 0.005)
    assert surges(synthetic, days_of("a", [*QUIET, (border - 1, 2)])) == []
    (brand,) = surges(synthetic, days_of("a", [*QUIET, (border, 2)]))
    assert (brand["scope"], brand["content_id"], brand["alarm_at"]) == ("brand", None, border)


def test_surge_spread_is_that_of_the_days_before(synthetic: ModuleType) -> None:
    # 0, 0, 0, 40 and again: mean 10, variance 343 (8 days), so spread = sqrt(333) / 10 and not 1/2
    wild = [(0, 40), (0, 40), (0, 40), (40, 40)] * 2
    (found,) = surges(synthetic, days_of("a", [*wild, (900, 9)]), days_of("b", [(0, 1)] * 9))[:1]
    variance = (2 * 40**2 - 8 * 10**2) / 7
    wanted = count_tail(900, (80 + 8) / 9, math.sqrt(variance - 10) / 10)
    assert found["p_value"] == pytest.approx(wanted)


def test_surge_names_the_hour_it_was_reached(synthetic: ModuleType) -> None:
    day = START + timedelta(days=5)
    storm = [
        {"content_id": "a", "created_at": day + timedelta(minutes=10 * k), "sentiment": "negative"}
        for k in range(60)
    ]
    (brand, content) = surges(synthetic, days_of("a", QUIET), storm)
    for one in (brand, content):  # six an hour from noon on
        hours = (one["alarm_at"] - 1) // 6
        assert one["alarmed_at"] == day + timedelta(hours=hours)


def test_surge_of_a_new_content_is_against_first_days(synthetic: ModuleType) -> None:
    quiet = days_of("old", [(3, 12)] * 20)
    earlier = [days_of(f"e{k}", [(2, 8), (5, 9), (1, 4), (0, 3)], first=2 + k) for k in range(3)]
    found = surges(synthetic, quiet, *earlier, days_of("new", [(60, 6)], first=14))
    content = next(one for one in found if one["content_id"] == "new")
    # three earlier contents with five on their worst day, and an imagined one of eight
    assert (content["basis"], content["n_basis"], content["expected"]) == ("first_days", 3, 5.0)
    assert content["p_value"] == pytest.approx((5.75 / 6.75) ** 60)
    two = surges(synthetic, quiet, *earlier[:2], days_of("new", [(60, 6)], first=14))
    assert "new" not in [one["content_id"] for one in two]


def test_surge_of_the_brand_names_the_contents_behind_it(synthetic: ModuleType) -> None:
    contents = [days_of(f"c{k}", [(2, 8)] * 6) for k in range(4)]
    storm = days_of("c3", [(40, 4)], first=6), days_of("new", [(30, 2)], first=6)
    brand = surges(synthetic, *contents, *storm, days_of("c1", [(2, 8)], first=6))[0]
    assert brand["scope"] == "brand"
    behind = [(one["content_id"], one["n_negative"], one["expected"]) for one in brand["contents"]]
    assert behind == [("c3", 40, 2.0), ("new", 30, None)]
    assert len(brand["contents"][0]["evidence"]) == MAX_EVIDENCE


def test_surge_in_quiet_times_is_silent(synthetic: ModuleType) -> None:
    dice = np.random.default_rng(11)
    contents = [
        days_of(f"c{k}", [(int(dice.poisson(5)), int(dice.poisson(12))) for _ in range(40)], k)
        for k in range(6)
    ]
    assert surges(synthetic, *contents) == []


def test_surge_needs_history_volume_and_a_worse_share(synthetic: ModuleType) -> None:
    assert surges(synthetic, days_of("a", [(1, 9), (1, 9), (60, 10)])) == []
    assert surges(synthetic, days_of("a", [(0, 9)] * 14 + [(7, 0)])) == []
    # ten times the comments at the same share: popular, not in trouble
    assert surges(synthetic, days_of("a", [(2, 8)] * 5 + [(20, 80)])) == []


def test_surge_order_of_rows_does_not_matter(synthetic: ModuleType, scored: pa.Table) -> None:
    order = list(range(scored.num_rows))
    random.Random(5).shuffle(order)
    one, two = (detect_surges(t, synthetic.AS_OF) for t in (scored, scored.take(order)))
    assert one.num_rows and one.to_pylist() == two.to_pylist()


def test_surge_of_nothing_has_the_same_columns(synthetic: ModuleType, scored: pa.Table) -> None:
    empty = detect_surges(scored.slice(0, 0), synthetic.AS_OF)
    assert empty.num_rows == 0
    assert empty.schema.names == detect_surges(scored, synthetic.AS_OF).schema.names
