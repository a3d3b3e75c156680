"""A profile for people to read: the six dimensions in Chinese, one line per fact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from data.labels import ASPECTS, EMOTIONS, INTERESTS

TITLES: Final = {
    "basic": "基本属性",
    "interest": "兴趣偏好",
    "spending": "消费能力",
    "social": "社交关系",
    "behaviour": "行为路径",
    "emotion": "情感态度",
}
_FIELDS: Final = {
    "gender": "性别",
    "age": "年龄",
    "region": "地区",
    "ip_region": "评论属地",
    "verified": "认证",
    "registered_at": "注册日期",
}
_VALUES: Final = {"female": "女", "male": "男", "true": "是", "false": "否"}
_EVENTS: Final = {
    "view": "浏览",
    "pv": "浏览",
    "watch": "观看",
    "like": "点赞",
    "collect": "收藏",
    "fav": "收藏",
    "share": "分享",
    "comment": "评论",
    "cart": "加购",
    "add_cart": "加购",
    "pay": "付款",
    "buy": "购买",
    "purchase": "购买",
    "refund": "退款",
}
_BANDS: Final = {"low": "低", "middle": "中", "high": "高"}
_WEEKDAYS: Final = "一二三四五六日"
_MAX_LISTED: Final = 5

Facts = Iterator[tuple[str, str]]


def profile_lines(profile: dict[str, Any]) -> Iterator[str]:
    """Yields the lines of a profile as ``profiles.read.read_profile`` gives it."""
    for name, title in TITLES.items():
        found = profile[name]
        seen = f"，最近 {found['last_seen'][:10]}" if found.get("last_seen") else ""
        yield f"{title}（{name}，依据 {found['n']} 条{seen}，截至 {found['as_of'][:16]}Z）"
        facts = list(profile_facts(name, found))
        for label, text in facts:
            yield f"  {label}  {text}"
        if not facts:
            yield "  暂无数据"


def profile_facts(name: str, found: dict[str, Any]) -> Facts:
    """Yields (label, text) of one dimension; nothing where nothing is known."""
    yield from _FACTS[name](found)


def event_name(event: str) -> str:
    """The Chinese name of an event; an unknown one reads as itself."""
    return _EVENTS.get(event, event)


def _basic(found: dict[str, Any]) -> Facts:
    yield "平台", "、".join(found.get("platforms") or [str(found.get("platform") or "未知")])
    for one in found.get("fields", []):
        value = _VALUES.get(one["value"], one["value"])
        other = f"，另有 {one['n_conflicts']} 种说法" if one["n_conflicts"] else ""
        yield (
            _FIELDS[one["field"]],
            f"{value}（来源 {one['source']}，可信度 {one['confidence']:.2f}，"
            f"{one['n']} 条{other}）",
        )
    if found.get("first_seen_at"):
        yield "出现", f"{found['first_seen_at'][:10]} 至 {found['last_seen_at'][:10]}"


def _interest(found: dict[str, Any]) -> Facts:
    for topic in found.get("topics", [])[:_MAX_LISTED]:
        share = "" if topic["share"] is None else f"{topic['share']:.0%}"
        kinds = "、".join(
            f"{name} {topic[f'n_{kind}']}"
            for kind, name in (
                ("comment", "评论"),
                ("purchase", "购买"),
                ("like", "赞藏"),
                ("watch", "浏览"),
            )
            if topic.get(f"n_{kind}")
        )
        way = _way(topic)
        yield INTERESTS.get(topic["topic"], topic["topic"]), f"{share}{way}（{kinds}）"


def _way(topic: dict[str, Any]) -> str:
    short, long = topic["share_7d"], topic["share_90d"]
    if short is None or long is None or abs(short - long) < 0.1:
        return ""
    return f" {'↑' if short > long else '↓'}近期 {short:.0%} / 长期 {long:.0%}"


def _spending(found: dict[str, Any]) -> Facts:
    if found["n"]:
        yield (
            "RFM",
            f"最近一单 {found.get('recency_days', 0):.0f} 天前，共 {found['n']} 单，"
            f"合计 ¥{found.get('amount_cny', 0):,.2f}",
        )
    if "average_order_cny" in found:
        gap = f"，平均 {found['gap_days']:.0f} 天一单" if found.get("gap_days") else ""
        yield "客单价", f"¥{found['average_order_cny']:,.2f}{gap}"
    if found.get("categories"):
        yield "品类", "；".join(map(_category, found["categories"][:_MAX_LISTED]))
    if found.get("discount_share") is not None:
        low, high = found["discount_share_low"], found["discount_share_high"]
        yield "折扣", f"{found['discount_share']:.0%} 的订单（95% 区间 {low:.0%}–{high:.0%}）"
    if found.get("n_refunds"):
        yield "退款", f"{found['n_refunds']} 次"


def _category(one: dict[str, Any]) -> str:
    from profiles.dimensions.spending import category_names

    name = category_names().get(one["category"], one["category"])
    return f"{name} {one['n']} 单，均 ¥{one['average_cny']:,.2f}，预算{_BANDS[one['band']]}"


def _social(found: dict[str, Any]) -> Facts:
    if found["n"] and found.get("n_comments"):
        yield (
            "互动",
            f"评论 {found['n_comments']} 条，其中回复 {found['replies_written']} 条、"
            f"@人 {found['mentions_written']} 条",
        )
        yield (
            "反响",
            f"获赞 {found.get('likes_received', 0):,}，被回复 {found.get('replies_received', 0):,}",
        )
    if "followers" in found or "following" in found:
        yield "粉丝", f"{found.get('followers', 0):,}，关注 {found.get('following', 0):,}"
    if found.get("in_degree") or found.get("out_degree"):
        yield "关系", f"连入 {found['in_degree']:,} 人，连出 {found['out_degree']:,} 人"


def _behaviour(found: dict[str, Any]) -> Facts:
    from profiles.dimensions.behaviour import stage_names

    if not found["n"]:
        return
    names = stage_names()
    if found.get("last_stage"):
        far = names[found["furthest_stage"]]
        yield "阶段", f"最近 {names[found['last_stage']]}，最远 {far}"
    yield (
        "行为",
        "、".join(f"{event_name(e['event'])} {e['n']}" for e in found["events"][:_MAX_LISTED]),
    )
    if found.get("paths"):
        yield (
            "路径",
            "；".join(
                f"{' → '.join(map(event_name, p['path']))}（{p['n']} 次）" for p in found["paths"]
            ),
        )
    yield (
        "活跃",
        "、".join(
            f"周{_WEEKDAYS[h['weekday'] - 1]} {h['hour']} 点（{h['n']}）" for h in found["hours"]
        ),
    )
    if found.get("channels"):
        yield "渠道", "、".join(f"{c['platform']} {c['share']:.0%}" for c in found["channels"])


def _emotion(found: dict[str, Any]) -> Facts:
    if not found["n"]:
        return
    yield (
        "评论",
        f"可判断 {found['n_judged']} 条：负面 {found['n_negative']}、中性 {found['n_neutral']}、"
        f"正面 {found['n_positive']}",
    )
    if "mean_score" in found:
        low, high = found["mean_score_low"], found["mean_score_high"]
        yield (
            "均值",
            f"{found['mean_score']:+.2f}（95% 区间 {low:+.2f} 至 {high:+.2f}），"
            f"近期 {found.get('recent_mean_score', found['mean_score']):+.2f}",
        )
    else:
        yield "均值", "评论不足，不作判断"
    if "trend" in found:
        low, high = found["trend_low"], found["trend_high"]
        way = "转好" if low > 0 else "转差" if high < 0 else "看不出方向"
        yield "趋势", f"{way}（每 30 天 {found['trend']:+.2f}，95% 区间 {low:+.2f} 至 {high:+.2f}）"
    felt = [e for e in found.get("by_emotion", []) if e["emotion"] != "none"][:3]
    if felt:
        yield (
            "情绪",
            "、".join(f"{EMOTIONS.get(e['emotion'], e['emotion'])} {e['n']}" for e in felt),
        )
    if found.get("by_aspect"):
        yield (
            "方面",
            "、".join(
                f"{ASPECTS.get(a['aspect'], a['aspect'])} +{a['n_positive']}/-{a['n_negative']}"
                for a in found["by_aspect"][:_MAX_LISTED]
            ),
        )
    for quote in found.get("telling_comments", []):
        yield (
            "原话",
            f"「{quote['text']}」（{quote['score']:+.2f}，{(quote['created_at'] or '')[:10]}）",
        )


_FACTS: Final[dict[str, Callable[[dict[str, Any]], Facts]]] = {
    "basic": _basic,
    "interest": _interest,
    "spending": _spending,
    "social": _social,
    "behaviour": _behaviour,
    "emotion": _emotion,
}
