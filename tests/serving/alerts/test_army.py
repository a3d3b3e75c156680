"""Water-army suspicion: copies with small changes, repeating and young accounts."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from serving.alerts.army import near_duplicates, suspect
from serving.alerts.rules import Rules

COPY = "这家店的奶茶喝出虫子大家千万不要买"
OWN = [
    "今天排队等了一个小时才喝到",
    "店员态度冷淡还翻白眼",
    "包装漏了洒了一书包",
    "珍珠太硬咬不动",
    "比上个月贵了三块钱",
]


def test_near_duplicates_are_grouped_whatever_the_decoration() -> None:
    texts = [COPY, COPY + "啊", COPY[:-1], *OWN]
    group = near_duplicates(texts, 0.7)
    assert len(set(group[:3].tolist())) == 1 and group[0] >= 0
    assert (group[3:] == -1).all()


def test_suspects_are_copies_repeaters_and_young_accounts(
    comments: Callable[..., pa.Table], rules: Rules, monday: int
) -> None:
    texts = [COPY + "！" * k for k in range(4)] + OWN * 2 + ["另一条完全不同的抱怨"]
    n = len(texts)
    users = [f"u{k}" for k in range(n)]
    made = [monday - 86_400 * 400] * (n - 1) + [monday - 86_400]
    table = comments(monday, 600, n, n, text=texts, user=users, account_at=made, followers=200_000)
    found = suspect(table, rules.water_army)
    assert found.suspects.tolist() == [True] * 4 + [False] * 10 + [True]
    assert (found.young, found.hubs) == (1, n)
    once = suspect(table.slice(4, 5), rules.water_army)
    assert not once.suspects.any() and once.share == 0
    assert suspect(table.slice(0, 0), rules.water_army).share == 0
