"""Recognition: the other known shapes, comment-list pages, tables by column names, questions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from data.readers import DumpError, known_formats, open_dump
from tests.data.reader_tools import read, write

WHEN = datetime(2024, 7, 15, 9, 40, tzinfo=UTC)


def page(*ids: str, **extra: Any) -> dict[str, Any]:
    items = [
        {
            "comment_id": identifier,
            "comment_user_id": "opaque",
            "content": f"评论{identifier}",
            "create_time": 1_721_036_400,
            "digg_count": 4,
            "reply_comment_total": 1,
            "top": False,
        }
        for identifier in ids
    ]
    return {"data": {"error_code": 0, "cursor": 0, "has_more": True, "list": items}, **extra}


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([page("a", "b"), page("c")]),
        json.dumps(page("a", "b", "c", extra={"now": 0})),
        json.dumps(page("a", "b", "c"), indent=2),
        json.dumps(page("a", "b"), indent=2) + "\n" + json.dumps(page("c"), indent=2),
        json.dumps(page("a")) + "\n" + json.dumps(page()) + "\n" + json.dumps(page("b", "c")),
    ],
    ids=["array", "one page", "one pretty page", "two pretty pages", "page a line"],
)
def test_open_platform_pages_are_read_item_by_item(tmp_path: Path, content: str) -> None:
    whole = read(write(tmp_path, "comments.json", content))
    assert whole.dump.format == "douyin-open-platform-comments"
    assert whole.texts == ["评论a", "评论b", "评论c"]
    assert whole.records[0] == {
        "comment_id": "a",
        "platform": "douyin",
        "content_id": None,
        "parent_id": None,
        "user_id": "opaque",
        "user_name": None,
        "text": "评论a",
        "created_at": WHEN,
        "like_count": 4,
        "reply_count": 1,
        "region": None,
    }


def test_open_platform_error_page_is_a_reject(tmp_path: Path) -> None:
    error = {"data": {"error_code": 2190008, "description": "token expired"}, "extra": {}}
    empty = {"data": {"error_code": 0, "list": None}}
    lines = "".join(json.dumps(each) + "\n" for each in (page("a"), error, empty))
    whole = read(write(tmp_path, "pages.jsonl", lines))
    assert whole.texts == ["评论a"]
    assert "token expired" in whole.rejects[0].reason


ITEM_PAGE: dict[str, Any] = {
    "data": {
        "error_code": 0,
        "cursor": 1,
        "has_more": False,
        "list": [
            {
                "item_id": "@8hxd+/==",
                "title": "夏天的第一杯茶 #奶茶",
                "cover": "",
                "create_time": 1_721_036_400,
                "is_reviewed": True,
                "is_top": False,
                "share_url": "https://example.com/9",
                "statistics": {
                    "comment_count": 12,
                    "digg_count": 31,
                    "download_count": 1,
                    "forward_count": 2,
                    "play_count": 99,
                    "share_count": 3,
                },
            }
        ],
    },
    "extra": {"error_code": 0},
}
ITEM_RECORD = {
    "content_id": "@8hxd+/==",
    "platform": "douyin",
    "user_id": None,
    "user_name": None,
    "title": "夏天的第一杯茶 #奶茶",
    "text": None,
    "created_at": WHEN,
    "like_count": 31,
    "comment_count": 12,
    "share_count": 3,
    "collect_count": None,
    "view_count": 99,
    "url": "https://example.com/9",
}


@pytest.mark.parametrize("arrangement", ["page", "pretty page", "item a line"])
def test_open_platform_items_are_contents_with_lifted_counts(
    tmp_path: Path, arrangement: str
) -> None:
    content = {
        "page": json.dumps(ITEM_PAGE),
        "pretty page": json.dumps(ITEM_PAGE, indent=2),
        "item a line": json.dumps(ITEM_PAGE["data"]["list"][0]) + "\n",
    }[arrangement]
    whole = read(write(tmp_path, "items.json", content))
    assert (whole.dump.format, whole.dump.kind) == ("douyin-open-platform-items", "contents")
    assert whole.records == [ITEM_RECORD] and whole.rejects == [] and whole.counts == {}
    assert whole.originals[0]["download_count"] == 1 and "statistics" not in whole.originals[0]


@pytest.mark.parametrize("telling", ["share_url", "is_top"])
def test_open_platform_items_are_told_by_either_column(tmp_path: Path, telling: str) -> None:
    item = {"item_id": "@8", "title": "茶", "create_time": 1_721_036_400, telling: "x"}
    whole = read(write(tmp_path, "items.jsonl", json.dumps(item) + "\n"))
    assert (whole.dump.format, whole.dump.kind) == ("douyin-open-platform-items", "contents")


def test_open_platform_reply_names_item_and_parent(tmp_path: Path) -> None:
    row = page("a")["data"]["list"][0] | {"item_id": "@v/+==", "reply_to_comment_id": "@c/+=="}
    whole = read(write(tmp_path, "comments.jsonl", json.dumps(row) + "\n"))
    assert whole.dump.format == "douyin-open-platform-comments"
    found = whole.records[0]
    assert (found["content_id"], found["parent_id"]) == ("@v/+==", "@c/+==")


SHAPES = {
    "douyin-comment-tree": (
        "tree.jsonl",
        '{"aweme_id": "9", "cid": "2", "reply_id": "1", "reply_to_reply_id": "", "text": "好",'
        ' "digg_count": 3, "create_time": 1721036400, "user_nickname": "某人",'
        ' "user_unique_id": "", "reply_comment_total": null, "ip_label": "河南"}\n',
        {"comment_id": "2", "content_id": "9", "parent_id": "1", "like_count": 3, "region": "河南"},
    ),
    "douyin-video-list": (
        "videos.csv",
        "sec_uid,aweme_id,desc,create_time,media_type,comment_count\ns,9,标题,1721036400,image,5\n",
        {"content_id": "9", "text": "标题", "comment_count": 5, "platform": "douyin"},
    ),
    "douyin-comment-export-zh": (
        "x.csv",
        "评论ID,昵称,用户ID,用户sec_id,地区,时间,评论,点赞数,回复数\n"
        "7479678863255110440,某人,u,s,重庆,2024-07-15 17:40:00,好,4,3\n",
        {"comment_id": "7479678863255110440", "user_id": "u", "region": "重庆", "reply_count": 3},
    ),
    "douyin-account-table": (
        "x.csv",
        "id,user,UID,account,num_like,gender,sub_comment_num,age,comment_time,comment\n"
        "1,某人,u,a,7,-,0,12,2024-07-15 17:40:00,好\n",
        {"comment_id": "x.csv#1", "user_id": "u", "user_name": "某人", "like_count": 7},
    ),
    "weibo-article-comments": (
        "x.csv",
        "articleId,created_at,likes_counts,region,content,authorName,authorGender,authorAddress\n"
        "5042915983755885,2024-07-15,84,天津,好,某人,f,其他\n",
        {"content_id": "5042915983755885", "like_count": 84, "platform": "weibo"},
    ),
    "weibo-reposts": (
        "x.csv",
        "post,uid,mid,date,text,post_label\nyAq,u,yB3,2024-07-15 17:40:00,好,not_rumor\n",
        {"content_id": "yAq", "comment_id": "yB3", "created_at": WHEN, "user_id": "u"},
    ),
    "weibo-user-comments": (
        "x.csv",
        "wid,time,text,uid,like_count,username,following,followed,gender\n"
        "4.50E+15,Mon Jul 15 17:40:00 +0800 2024,好,u,1,某人,1,2,f\n",
        {"comment_id": "x.csv#1", "created_at": WHEN, "user_name": "某人"},
    ),
    "columns": (
        "抖音评论.csv",
        "昵称,点赞数,时间,评论\n某人,6065,2024/7/15 17:40,: 好\n",
        {"text": ": 好", "like_count": 6065, "created_at": WHEN, "platform": "douyin"},
    ),
}


@pytest.mark.parametrize("name", list(SHAPES))
def test_shape_sample_is_recognised_and_mapped(tmp_path: Path, name: str) -> None:
    file_name, content, expected = SHAPES[name]
    whole = read(write(tmp_path, file_name, content))
    assert whole.dump.format == name
    assert {field: whole.records[0][field] for field in expected} == expected
    assert name in known_formats()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("customer_id,date,quantity,amount\n00001,19970101,1,11.77\n", "orders"),
        ("user_id,item_id,behavior_type,timestamp\n1,2,pv,1511544070\n", "shop-events"),
        ("person_id,event,time\np,view,1721036400\n", "events"),
        (
            "as_of,all_fans_num,distribution,item,value\n2026-01-01,9,age,18-23,4\n",
            "douyin-open-platform-fans",
        ),
    ],
)
def test_table_without_text_is_given_as_it_came(tmp_path: Path, content: str, name: str) -> None:
    dump = open_dump(write(tmp_path, "t.csv", content))
    assert (dump.kind, dump.format) == ("table", name)
    batch = next(dump.batches())
    assert batch.records is batch.original
    assert list(batch.original.to_pylist()[0].values()) == content.split("\n")[1].split(",")


def test_table_asked_for_by_name_needs_no_text(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "a,b\n1,2\n")
    assert read(path, format="table").originals == [{"a": "1", "b": "2"}]
    with pytest.raises(DumpError, match="--format table"):
        open_dump(path)


def test_mapping_goes_before_what_was_recognised(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "说,谁,content\n好,某人,x\n")
    whole = read(path, text_column="说", mapping={"user_name": "谁"})
    assert whole.texts == ["好"]
    assert whole.records[0]["user_name"] == "某人"
    assert "text=说" in whole.dump.why


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text_column": "nope"}, "expected a column 'nope'; found columns content, n"),
        ({"mapping": {"colour": "n"}}, "expected a field of comment_id"),
        ({"format": "nope"}, "expected a format of auto, .*mediacrawler-douyin-comments"),
        ({"format": "weibo-reposts"}, "expected the columns of weibo-reposts"),
    ],
)
def test_wrong_option_is_refused_in_one_line(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    path = write(tmp_path, "t.csv", "content,n\n好,1\n")
    with pytest.raises(DumpError, match=message) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)


def test_format_by_name_takes_its_versions(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "comment_id,aweme_id,content,user_id\n1,2,好,u\n")
    whole = read(path, format="mediacrawler-douyin-comments")
    assert whole.dump.format == "mediacrawler-douyin-comments-v1"


@pytest.mark.parametrize(
    ("ids", "kept"), [(["1", "2", "3"], False), (["x", "x", "y"], False), (["c7", "c9", "a"], True)]
)
def test_plain_id_column_is_an_id_unless_a_running_number(
    tmp_path: Path, ids: list[str], kept: bool
) -> None:
    rows = "".join(f"{identifier},好\n" for identifier in ids)
    whole = read(write(tmp_path, "t.csv", f"id,text\n{rows}"))
    named = [f"t.csv#{number}" for number in (1, 2, 3)]
    assert [record["comment_id"] for record in whole.records] == (ids if kept else named)


def test_platform_column_takes_chinese_names(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "平台,content\n抖音,好\nweibo,好\n饭否,好\n,好\n")
    whole = read(path)
    assert [record["platform"] for record in whole.records] == ["douyin", "weibo", "other", None]
    assert whole.counts["unknown_platforms"] == 1


def test_xlsx_cells_are_text_as_a_csv_would_have_them(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["评论ID", "评论", "时间", "点赞数", "真"],
        ["7479678863255110440", "好", datetime(2024, 7, 15, 17, 40), 12.0, True],
        [7479678863255110440, None, "2024/7/15 17:40", "1.2万", None],
    ):
        sheet.append(row)
    book.save(tmp_path / "评论.xlsx")
    whole = read(tmp_path / "评论.xlsx")
    assert whole.originals[0] == {
        "评论ID": "7479678863255110440",
        "评论": "好",
        "时间": "2024-07-15 17:40:00",
        "点赞数": "12",
        "真": "TRUE",
    }
    assert [record["created_at"] for record in whole.records] == [WHEN, WHEN]
    assert [record["like_count"] for record in whole.records] == [12, 12_000]
    assert whole.texts == ["好", None]
    assert whole.lines == [2, 3]


def test_xlsx_with_several_sheets_takes_the_comments(tmp_path: Path) -> None:
    book = Workbook()
    posts = book.active
    assert posts is not None
    posts.title = "Contents"
    posts.append(["aweme_id", "desc", "liked_count"])
    posts.append(["9", "标题", "1"])
    comments = book.create_sheet("Comments")
    comments.append(["comment_id", "aweme_id", "content", "creator_hash"])
    comments.append(["1", "9", "好", "h"])
    path = tmp_path / "douyin.xlsx"
    book.save(path)
    assert read(path).dump.format == "mediacrawler-douyin-comments-v2"
    assert read(f"{path}::Contents").dump.kind == "contents"


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "content": pa.array(["好", None, "x"]).dictionary_encode(),
            "tags": pa.array([["a"], None, []], pa.list_(pa.string())),
            "create_time": pa.array([1_721_036_400_000_000_000] * 3, pa.timestamp("ns", tz="UTC")),
            "likes": pa.array([1, None, 3], pa.int32()),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    whole = read(tmp_path / "t.parquet", rows=2)
    assert whole.texts == ["好", None, "x"]
    assert [record["created_at"] for record in whole.records] == [WHEN] * 3
    assert [record["like_count"] for record in whole.records] == [1, None, 3]
    assert whole.originals[0]["tags"] == ["a"]
    assert str(whole.dump.input_schema.field("likes").type) == "int32"


def test_jsonl_types_agree_or_are_text(tmp_path: Path) -> None:
    lines = (
        '{"text": "a", "i": 1, "f": 1, "b": true, "mix": 1, "big": 1, "nest": {"k": [1]}}\n'
        '{"text": null, "i": null, "f": 0.5, "b": null, "mix": "x", "big": 99999999999999999999}\n'
        '{"text": "c", "late": [1, "二"]}\n'
    )
    whole = read(write(tmp_path, "t.jsonl", lines), rows=1)
    types = {field.name: str(field.type) for field in whole.dump.input_schema}
    assert types == {
        "text": "string",
        "i": "int64",
        "f": "double",
        "b": "bool",
        "mix": "string",
        "big": "string",
        "nest": "string",
        "late": "string",
    }
    assert whole.originals[0]["nest"] == '{"k": [1]}'
    assert whole.originals[1]["big"] == "99999999999999999999"
    assert whole.originals[2]["late"] == '[1, "二"]'
