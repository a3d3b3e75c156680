"""The bundled sample: sound truth labels, the same bytes on each run, and a crisis that is one."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from data.labels import EMOTIONS, FLAGS, INTERESTS, PLATFORMS, RISKS, SENTIMENTS
from data.sample.corpus import PHASES, CorpusLine, read_contents, read_lines, read_threads
from data.sample.generate import SampleFiles, build_sample
from data.sample.people import hashed
from data.sample.personas import TURNED_FAN
from data.sample.timeline import APOLOGY_S, CRISIS_START_S, END_S, HOUR_S, START_S, beijing

_COMMENT_IDS = {"shop": "评论ID"}
_USER_IDS = {"douyin": "creator_hash", "weibo": "creator_hash", "shop": "用户ID"}
_DOUYIN_COLUMNS = (
    "comment_id create_time aweme_id content creator_hash nickname sub_comment_count like_count "
    "last_modify_ts parent_comment_id pictures"
)
_XHS_COLUMNS = (
    "comment_id create_time ip_location note_id content user_id nickname avatar sub_comment_count "
    "pictures parent_comment_id last_modify_ts like_count"
)
_WEIBO_COLUMNS = (
    "comment_id create_time create_date_time note_id content sub_comment_count comment_like_count "
    "last_modify_ts parent_comment_id creator_hash nickname"
)
_BILIBILI_COLUMNS = (
    "comment_id parent_comment_id create_time video_id content user_id nickname sex sign avatar "
    "sub_comment_count like_count last_modify_ts"
)
_SHOP_COLUMNS = "评论ID 商品ID 用户ID 昵称 评论 时间 点赞数"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleFiles:
    return build_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def lines() -> dict[str, CorpusLine]:
    return {line.id: line for line in read_lines()}


def _rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def _moment(platform: str, row: dict[str, Any]) -> int:
    if platform == "shop":
        return beijing(row["时间"])
    if platform == "weibo":
        return int(datetime.fromisoformat(row["create_date_time"]).timestamp())
    return int(row["create_time"]) // (1000 if platform == "xhs" else 1)


def _comments(sample: SampleFiles) -> dict[tuple[str, str], tuple[int, dict[str, Any]]]:
    return {
        (platform, str(row[_COMMENT_IDS.get(platform, "comment_id")])): (
            _moment(platform, row),
            row,
        )
        for platform, path in sample.comments.items()
        for row in _rows(path)
    }


def test_corpus_texts_are_distinct_and_many() -> None:
    lines = read_lines()
    assert len({line.text for line in lines}) == len(lines) >= 720
    assert len({line.id for line in lines}) == len(lines)


def test_corpus_labels_are_keys_of_the_label_tables() -> None:
    for line in read_lines():
        assert line.sentiment in SENTIMENTS, line
        assert line.emotion in EMOTIONS, line
        assert line.phase in PHASES, line
        assert set(line.interests) <= set(INTERESTS), line
        assert set(line.flags) <= set(FLAGS), line
        assert set(line.risks) <= set(RISKS), line


def test_corpus_shows_every_flag_risk_sentiment_and_emotion() -> None:
    lines = read_lines()
    assert {line.sentiment for line in lines} == set(SENTIMENTS)
    assert {line.emotion for line in lines} == set(EMOTIONS)
    assert {flag for line in lines for flag in line.flags} == set(FLAGS)
    assert {risk for line in lines for risk in line.risks} == set(RISKS)


def test_contents_are_twelve_on_five_platforms_and_all_are_discussed() -> None:
    contents = read_contents()
    assert len(contents) == len({c.content_id for c in contents.values()}) == 12
    platforms = Counter(c.platform for c in contents.values())
    assert platforms == {"douyin": 4, "xhs": 3, "weibo": 2, "bilibili": 2, "shop": 1}
    assert set(platforms) <= set(PLATFORMS)
    assert {line.content for line in read_lines()} == set(contents)


def test_build_sample_twice_gives_the_same_bytes(sample: SampleFiles, tmp_path: Path) -> None:
    again = build_sample(tmp_path)
    assert [p.name for p in again.paths] == [p.name for p in sample.paths]
    for first, second in zip(sample.paths, again.paths, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
    assert again.truth == sample.truth


def test_build_sample_with_another_seed_gives_other_bytes(
    sample: SampleFiles, tmp_path: Path
) -> None:
    other = build_sample(tmp_path, seed=7)
    assert other.events.read_bytes() != sample.events.read_bytes()


@pytest.mark.parametrize(
    ("platform", "columns"),
    [
        ("douyin", _DOUYIN_COLUMNS),
        ("xhs", _XHS_COLUMNS),
        ("weibo", _WEIBO_COLUMNS),
        ("bilibili", _BILIBILI_COLUMNS),
        ("shop", _SHOP_COLUMNS),
    ],
)
def test_comment_dump_has_the_crawlers_columns(
    sample: SampleFiles, platform: str, columns: str
) -> None:
    rows = _rows(sample.comments[platform])
    assert all(list(row) == columns.split() for row in rows)


def test_truth_leads_from_each_written_comment_to_its_text(
    sample: SampleFiles, lines: dict[str, CorpusLine]
) -> None:
    comments = _comments(sample)
    for key, (_, row) in comments.items():
        text = row["评论"] if key[0] == "shop" else row["content"]
        assert text == (lines[sample.truth[key]].text if key in sample.truth else "")
    assert set(sample.truth) <= set(comments)


def test_every_corpus_text_is_written_and_few_are_repeated(sample: SampleFiles) -> None:
    uses = Counter(sample.truth.values())
    assert len(uses) == len(read_lines())
    assert sum(count - 1 for count in uses.values()) < 60


def test_comments_lie_in_the_28_days_and_after_their_question(sample: SampleFiles) -> None:
    moments = {key: moment for key, (moment, _) in _comments(sample).items()}
    assert all(START_S <= moment < END_S for moment in moments.values())
    by_line = {line: moments[key] for key, line in sample.truth.items()}
    assert all(by_line[question] < by_line[answer] for answer, question in read_threads().items())


def test_crisis_window_is_mostly_negative_and_loud(
    sample: SampleFiles, lines: dict[str, CorpusLine]
) -> None:
    moments = {key: moment for key, (moment, _) in _comments(sample).items()}
    inside = [
        lines[sample.truth[key]]
        for key, moment in moments.items()
        if CRISIS_START_S <= moment < APOLOGY_S and key in sample.truth
    ]
    negative = sum(line.sentiment == "negative" for line in inside)
    assert negative / len(inside) > 0.6
    hourly = len(inside) / ((APOLOGY_S - CRISIS_START_S) / HOUR_S)
    before = sum(moment < CRISIS_START_S for moment in moments.values())
    assert hourly > 4 * before / ((CRISIS_START_S - START_S) / HOUR_S)


def test_crisis_breaks_on_one_content_and_spreads_to_two(
    sample: SampleFiles, lines: dict[str, CorpusLine]
) -> None:
    first: dict[str, int] = {}
    for key, (moment, _) in _comments(sample).items():
        line = lines.get(sample.truth.get(key, ""))
        if line is not None and line.phase == "crisis":
            assert CRISIS_START_S <= moment < APOLOGY_S
            first[line.content] = min(moment, first.get(line.content, moment))
    assert min(first, key=first.__getitem__) == "dy-crisis"
    assert set(first) == {"dy-crisis", "wb-anime", "dy-launch"}
    assert first["dy-crisis"] - CRISIS_START_S < 2 * HOUR_S


def test_weibo_first_crawl_is_eight_hours_late_and_later_ones_are_right(
    sample: SampleFiles,
) -> None:
    rows = _rows(sample.comments["weibo"])
    lateness = {int(row["create_time"]) - _moment("weibo", row) for row in rows}
    assert lateness == {0, 8 * HOUR_S}


def test_dumps_hold_a_few_duplicates_and_empty_texts(sample: SampleFiles) -> None:
    rows = [
        (platform, row[_COMMENT_IDS.get(platform, "comment_id")], row.get("content"))
        for platform, path in sample.comments.items()
        for row in _rows(path)
    ]
    duplicates = len(rows) - len({row[:2] for row in rows})
    assert 10 <= duplicates <= 60
    assert 5 <= sum(text == "" for *_, text in rows) <= 20


def test_users_events_and_orders_join_to_the_commenters(sample: SampleFiles) -> None:
    users = {(row["platform"], row["user_id"]) for row in _rows(sample.users)}
    for path in (sample.events, sample.orders):
        assert {(row["platform"], row["user_id"]) for row in _rows(path)} <= users
    authors = {
        (platform, str(row[_USER_IDS.get(platform, "user_id")]))
        for platform, path in sample.comments.items()
        for row in _rows(path)
    }
    brand = {(c.platform, hashed(c.author_id)) for c in read_contents().values()}
    assert authors - brand <= users


def test_pay_events_are_the_orders_of_the_period(sample: SampleFiles) -> None:
    paid = [
        (row["user_id"], row["time"], row["value"])
        for row in _rows(sample.events)
        if row["event"] == "pay"
    ]
    ordered = [
        (row["user_id"], row["time"], row["amount_cny"])
        for row in _rows(sample.orders)
        if datetime.fromisoformat(row["time"]).timestamp() >= START_S
    ]
    assert sorted(paid) == sorted(ordered)


def test_turned_fan_is_positive_before_the_crisis_and_negative_after(
    sample: SampleFiles, lines: dict[str, CorpusLine]
) -> None:
    name = f"{TURNED_FAN[0]}***{TURNED_FAN[-1]}"
    fan = Counter(
        row["creator_hash"] for row in _rows(sample.comments["douyin"]) if row["nickname"] == name
    )
    person = fan.most_common(1)[0][0]
    moods: dict[bool, set[str]] = {True: set(), False: set()}
    for key, (moment, row) in _comments(sample).items():
        if row.get("creator_hash") == person and key in sample.truth:
            moods[moment < CRISIS_START_S].add(lines[sample.truth[key]].sentiment)
    assert moods == {True: {"positive"}, False: {"negative"}}
