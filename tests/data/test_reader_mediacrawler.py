"""MediaCrawler dumps: five platforms, two schema versions, four containers, posts and comments.

Every file is made here, with the column order and value types that the crawler writes.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.data.reader_tools import Whole, read

SECONDS: Final = 1_721_036_400  # 2024-07-15 17:40:00 in Shanghai
WHEN: Final = datetime(2024, 7, 15, 9, 40, tzinfo=UTC)
SHOWN: Final = "2024-07-15 17:40:00+08:00"
V1_AUTHOR: Final = "user_id"
V2_AUTHOR: Final = "creator_hash"

_COMMENTS: Final = {
    "douyin": "comment_id create_time ip_location* aweme_id content user_id* sec_uid* creator_hash"
    " nickname avatar* sub_comment_count like_count last_modify_ts parent_comment_id pictures",
    "xhs": "comment_id create_time ip_location* note_id content user_id* creator_hash nickname"
    " avatar* sub_comment_count pictures parent_comment_id last_modify_ts like_count",
    "weibo": "comment_id create_time create_date_time note_id content sub_comment_count"
    " comment_like_count last_modify_ts ip_location* parent_comment_id user_id* creator_hash"
    " nickname gender* profile_url* avatar*",
    "bilibili": "comment_id parent_comment_id create_time video_id content user_id* creator_hash"
    " nickname sex* sign* avatar* sub_comment_count like_count last_modify_ts",
    "kuaishou": "comment_id create_time video_id content user_id* creator_hash nickname avatar*"
    " sub_comment_count last_modify_ts",
}
_CONTENTS: Final = {
    "douyin": "aweme_id aweme_type title desc create_time user_id* sec_uid* creator_hash nickname"
    " liked_count collected_count comment_count share_count ip_location* last_modify_ts aweme_url"
    " cover_url source_keyword",
    "xhs": "note_id type title desc video_url time last_update_time user_id* creator_hash nickname"
    " liked_count collected_count comment_count share_count ip_location* image_list tag_list"
    " last_modify_ts note_url source_keyword xsec_token",
    "weibo": "note_id content create_time create_date_time liked_count comments_count shared_count"
    " last_modify_ts note_url ip_location* user_id* creator_hash nickname source_keyword",
    "bilibili": "video_id video_type title desc create_time user_id* creator_hash nickname"
    " liked_count disliked_count video_play_count video_favorite_count video_share_count"
    " video_coin_count video_danmaku video_comment last_modify_ts video_url source_keyword",
    "kuaishou": "video_id video_type title desc create_time user_id* creator_hash nickname"
    " liked_count viewd_count last_modify_ts video_url video_cover_url source_keyword",
}
_TABLES: Final = {
    ("douyin", "comments"): "douyin_aweme_comment",
    ("xhs", "comments"): "xhs_note_comment",
    ("weibo", "comments"): "weibo_note_comment",
    ("bilibili", "comments"): "bilibili_video_comment",
    ("kuaishou", "comments"): "kuaishou_video_comment",
    ("douyin", "contents"): "douyin_aweme",
    ("xhs", "contents"): "xhs_note",
    ("weibo", "contents"): "weibo_note",
    ("bilibili", "contents"): "bilibili_video",
    ("kuaishou", "contents"): "kuaishou_video",
}
_MILLISECONDS: Final = ("xhs", "kuaishou")
_ROOT_PARENT: Final = {"douyin": "0", "xhs": "", "weibo": "7400000000000000001", "bilibili": "0"}

CONTAINERS: Final = ("csv", "json", "jsonl", "db")
VERSIONS: Final = ("v1", "v2")


def columns(spec: str, version: str) -> list[str]:
    """Column names of one version; a star marks the columns that only v1 has."""
    names = [name for name in spec.split() if version == "v1" or not name.endswith("*")]
    return [name.rstrip("*") for name in names if version == "v2" or name != V2_AUTHOR]


def time_of(platform: str) -> int:
    return SECONDS * 1000 if platform in _MILLISECONDS else SECONDS


def comment_row(platform: str, version: str, number: int = 1, **changed: Any) -> dict[str, Any]:
    """One root comment as the crawler writes it."""
    values: dict[str, Any] = {
        "comment_id": f"740000000000000000{number}",
        "create_time": time_of(platform),
        "create_date_time": SHOWN,
        "ip_location": "浙江",
        "aweme_id": "7300000000000000009",
        "note_id": "7300000000000000009",
        "video_id": "7300000000000000009",
        "content": f"第{number}条：好吃，想买\n真的",
        "user_id": "u-1",
        "creator_hash": "0123456789abcdef",
        "nickname": "小***明",
        "sub_comment_count": "2",
        "like_count": 31 if platform in ("douyin", "bilibili") else "31",
        "comment_like_count": "31",
        "parent_comment_id": _ROOT_PARENT.get(platform),
        "last_modify_ts": 1_757_055_252_618,
    }
    values |= changed
    return {name: values.get(name, "") for name in columns(_COMMENTS[platform], version)}


def content_row(platform: str, version: str) -> dict[str, Any]:
    """One post as the crawler writes it."""
    values: dict[str, Any] = {
        **dict.fromkeys(("aweme_id", "note_id", "video_id"), "7300000000000000009"),
        **dict.fromkeys(("create_time", "time", "last_update_time"), time_of(platform)),
        **dict.fromkeys(("aweme_url", "note_url", "video_url"), "https://example.com/9"),
        **dict.fromkeys(("comment_count", "comments_count", "video_comment"), "12"),
        **dict.fromkeys(("share_count", "shared_count", "video_share_count"), "3"),
        **dict.fromkeys(("collected_count", "video_favorite_count"), "1.2万"),
        **dict.fromkeys(("video_play_count", "viewd_count"), "99"),
        "create_date_time": SHOWN,
        "title": "标题",
        "desc": "描述",
        "content": "描述",
        "liked_count": "None",
        "user_id": "u-1",
        "creator_hash": "0123456789abcdef",
        "nickname": "小***明",
    }
    return {name: values.get(name, "") for name in columns(_CONTENTS[platform], version)}


def save(folder: Path, rows: list[dict[str, Any]], container: str, table: str) -> Path:
    """The rows in one of the crawler's containers."""
    path = folder / f"search_2026-07-01.{container}"
    if container == "csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif container == "json":
        path.write_text(json.dumps(rows, ensure_ascii=False, indent=4), encoding="utf-8")
    elif container == "jsonl":
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        path.write_text("".join(lines), encoding="utf-8")
    else:
        save_tables(path, {table: rows})
    return path


def save_tables(path: Path, tables: dict[str, list[dict[str, Any]]]) -> None:
    with closing(sqlite3.connect(path)) as base, base:
        for table, rows in tables.items():
            names = ", ".join(f'"{name}"' for name in rows[0])
            base.execute(f'CREATE TABLE "{table}" (id INTEGER PRIMARY KEY, add_ts, {names})')
            for row in rows:
                marks = ", ".join("?" for _ in row)
                command = f'INSERT INTO "{table}" (add_ts, {names}) VALUES (1, {marks})'
                base.execute(command, list(row.values()))


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("platform", list(_COMMENTS))
def test_comments_platform_version_container_read_the_same(
    tmp_path: Path, platform: str, version: str, container: str
) -> None:
    answer = "7400000000000000001"
    rows = [
        comment_row(platform, version),
        comment_row(platform, version, 2, parent_comment_id=answer),
    ]
    whole = read(save(tmp_path, rows, container, _TABLES[platform, "comments"]))
    assert whole.dump.format == f"mediacrawler-{platform}-comments-{version}"
    assert whole.dump.kind == "comments"
    assert version in whole.dump.why
    kuaishou = platform == "kuaishou"
    expected = {
        "comment_id": "7400000000000000001",
        "platform": platform,
        "content_id": "7300000000000000009",
        "parent_id": None,
        "user_id": "u-1" if version == "v1" else "0123456789abcdef",
        "user_name": "小***明",
        "text": "第1条：好吃，想买\n真的",
        "created_at": WHEN,
        "like_count": None if kuaishou else 31,
        "reply_count": 2,
        "region": "浙江" if version == "v1" and platform in ("douyin", "xhs", "weibo") else None,
    }
    assert whole.records[0] == expected
    assert whole.records[1]["parent_id"] == (None if kuaishou else answer)
    assert whole.counts == {}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("platform", list(_CONTENTS))
def test_contents_platform_version_container_read_the_same(
    tmp_path: Path, platform: str, version: str, container: str
) -> None:
    rows = [content_row(platform, version)]
    whole = read(save(tmp_path, rows, container, _TABLES[platform, "contents"]))
    assert whole.dump.format == f"mediacrawler-{platform}-contents-{version}"
    assert whole.dump.kind == "contents"
    weibo, kuaishou = platform == "weibo", platform == "kuaishou"
    assert whole.records == [
        {
            "content_id": "7300000000000000009",
            "platform": platform,
            "user_id": "u-1" if version == "v1" else "0123456789abcdef",
            "user_name": "小***明",
            "title": None if weibo else "标题",
            "text": "描述",
            "created_at": WHEN,
            "like_count": None,
            "comment_count": None if kuaishou else 12,
            "share_count": None if kuaishou else 3,
            "collect_count": None if weibo or kuaishou else 12_000,
            "view_count": 99 if platform in ("bilibili", "kuaishou") else None,
            "url": "https://example.com/9",
        }
    ]
    assert whole.counts["null_words"] == 1  # the crawler's "None"


def test_json_columns_keep_their_types(tmp_path: Path) -> None:
    whole = read(save(tmp_path, [comment_row("douyin", "v2")], "jsonl", ""))
    assert str(whole.dump.input_schema.field("create_time").type) == "int64"
    assert str(whole.dump.input_schema.field("comment_id").type) == "string"


def test_weibo_late_clock_is_repaired_by_the_text(tmp_path: Path) -> None:
    row = comment_row("weibo", "v1", create_time=SECONDS + 8 * 3600)
    whole = read(save(tmp_path, [row], "jsonl", ""))
    assert whole.records[0]["created_at"] == WHEN
    assert whole.counts == {"weibo_shift_8h": 1}


def test_xhs_numeric_zero_parent_is_a_root(tmp_path: Path) -> None:
    rows = [
        comment_row("xhs", "v1", parent_comment_id=0),
        comment_row("xhs", "v1", 2, parent_comment_id="7400000000000000001"),
    ]
    whole = read(save(tmp_path, rows, "json", ""))
    assert [record["parent_id"] for record in whole.records] == [None, "7400000000000000001"]
    assert [row["parent_comment_id"] for row in whole.originals] == ["0", "7400000000000000001"]


def test_database_with_one_comments_table_is_read_without_naming_it(tmp_path: Path) -> None:
    path = tmp_path / "sqlite_tables.db"
    save_tables(
        path,
        {
            "douyin_aweme": [content_row("douyin", "v2")],
            "douyin_aweme_comment": [comment_row("douyin", "v2")],
        },
    )
    assert read(path).dump.format == "mediacrawler-douyin-comments-v2"
    assert read(f"{path}::douyin_aweme").dump.kind == "contents"


def test_database_with_two_comments_tables_asks_for_one(tmp_path: Path) -> None:
    path = tmp_path / "sqlite_tables.db"
    save_tables(
        path,
        {
            "xhs_note_comment": [comment_row("xhs", "v2")],
            "douyin_aweme_comment": [comment_row("douyin", "v2")],
        },
    )
    with pytest.raises(ValueError, match="xhs_note_comment, douyin_aweme_comment"):
        read(path)
    whole: Whole = read(f"{path}::xhs_note_comment")
    assert whole.records[0]["platform"] == "xhs"
    assert whole.dump.format == "mediacrawler-xhs-comments-v2"


def test_database_without_that_table_lists_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "sqlite_tables.db"
    save_tables(path, {"xhs_note_comment": [comment_row("xhs", "v2")]})
    with pytest.raises(ValueError, match=r"no table 'nope', but xhs_note_comment"):
        read(f"{path}::nope")


def test_csv_whose_schema_changed_midway_rejects_the_other_rows(tmp_path: Path) -> None:
    old, new = comment_row("douyin", "v1"), comment_row("douyin", "v2", 2)
    path = save(tmp_path, [old], "csv", "")
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, fieldnames=list(new)).writerow(new)
    whole = read(path)
    assert len(whole.records) == 1
    assert whole.reasons == ["too_few_fields"]


def test_database_with_a_write_ahead_log_shows_its_latest_rows(tmp_path: Path) -> None:
    path = tmp_path / "sqlite_tables.db"
    save_tables(path, {"xhs_note_comment": [comment_row("xhs", "v2")]})
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("INSERT INTO xhs_note_comment (comment_id, content) VALUES ('2', '新')")
        base.commit()
        whole = read(path)
    assert whole.texts[1] == "新"
