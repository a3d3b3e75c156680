"""Identifiers: one form for every way of writing, nothing from what names nobody."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from profiles.errors import IdentityError
from profiles.identifiers import find_identifiers, parse_identifier
from profiles.identity import person_id
from profiles.identity_rules import TYPES, load_rules

KEY = bytes(range(32))
RULES = load_rules()


def keys(**columns: list) -> list[str]:
    return find_identifiers(pa.table(columns), KEY, RULES).rows["key"].to_pylist()


@pytest.mark.parametrize(
    ("kind", "ways"),
    [
        (
            "phone",
            [
                "13912345678",
                " 139-1234-5678\u3000",
                "+86 139 1234 5678",
                "008613912345678",
                "8613912345678",
                "１３９１２３４５６７８",
                "13912345678.0",
                "(+86)13912345678",
            ],
        ),
        ("phone", ["0571-87654321", "+8657187654321", "(0571) 87654321"]),
        ("phone", ["+852 2345 6789", "0085223456789"]),
        ("email", ["Some.One@Example.COM", " some.one@example.com ", "some.one＠example.com"]),
        ("device", ["AA:BB:CC:00:11:22", "aabbcc001122", "AA-BB-CC-00-11-22"]),
        (
            "device",
            ["FF1999CD-7177-4937-A474-74937A102630", "ff1999cd71774937a47474937a102630"],
        ),
        ("unionid", ["oAbC", " oAbC\t"]),
    ],
)
def test_every_way_of_writing_is_one_identifier(kind: str, ways: list[str]) -> None:
    found = keys(**{kind: ways})
    assert len(found) == len(ways) and len(set(found)) == 1


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("phone", "139****5678"),
        ("phone", "13912345678-1234"),
        ("phone", "+86 13912345678-12"),
        ("phone", "1.39E+10"),
        ("phone", "12345"),
        ("email", "nobody"),
        ("email", "n**@example.com"),
        ("device", "00000000-0000-0000-0000-000000000000"),
        ("device", "9774d56d682e549c"),
        ("order_account", "t**1"),
    ],
)
def test_what_names_nobody_is_counted_and_left_out(kind: str, value: str) -> None:
    found = find_identifiers(pa.table({kind: [value]}), KEY, RULES)
    assert found.rows.num_rows == 0 and found.invalid == {kind: 1}


def test_blanks_are_no_fault() -> None:
    table = pa.table({"phone": ["", None, "NULL", " 无 ", "0"], "device": [None] * 5})
    found = find_identifiers(table, KEY, RULES)
    assert (found.rows.num_rows, found.invalid, found.bare_rows(5)) == (0, {}, (0, 1, 2, 3, 4))


def test_case_and_type_and_namespace_tell_apart() -> None:
    found = keys(openid=["abc", "ABC", "abc"], app_id=["wx1", "wx1", "wx2"], unionid=["abc"] * 3)
    assert len(set(found)) == 4


def test_numbers_are_read_as_written() -> None:
    assert keys(phone=[13912345678]) == keys(phone=["13912345678"]) == keys(phone=[13912345678.0])


def test_account_has_the_person_id_of_its_rows() -> None:
    assert keys(user_id=["42"], platform=["douyin"]) == [person_id(KEY, "douyin", "42")]
    assert parse_identifier("platform_uid:douyin:42", KEY, RULES) == person_id(KEY, "douyin", "42")


@pytest.mark.parametrize("text", ["colour:red", "phone", "phone:139****5678"])
def test_parse_identifier_of_what_names_nobody_is_one_line(text: str) -> None:
    with pytest.raises(IdentityError, match="expected") as caught:
        parse_identifier(text, KEY, RULES)
    assert "\n" not in str(caught.value)


def test_rules_cover_every_type_and_name_every_fault(tmp_path: Path) -> None:
    assert set(RULES.types) == set(TYPES)
    path = tmp_path / "rules.yaml"
    path.write_text("types: {phone: {max_degree: 0, unique: maybe}, shoe: {max_degree: 1}}")
    with pytest.raises(IdentityError) as caught:
        load_rules(path)
    for fault in ("email is missing", "shoe is unknown", "max_degree is 0", "phone.unique"):
        assert fault in str(caught.value)
    with pytest.raises(IdentityError, match="expected identity rules"):
        load_rules(tmp_path / "absent.yaml")
