"""The label keys that users, columns and checks rely on, with their Chinese names.

Keys are stable; the order of a tuple is the order of the model head's outputs.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

SENTIMENTS: Final = MappingProxyType({"negative": "负面", "neutral": "中性", "positive": "正面"})

EMOTIONS: Final = MappingProxyType(
    {
        "like": "喜爱",
        "happiness": "开心",
        "sadness": "悲伤",
        "anger": "愤怒",
        "disgust": "厌恶",
        "fear": "恐惧",
        "surprise": "惊讶",
        "none": "无明显情绪",
    }
)

FLAGS: Final = MappingProxyType(
    {
        "question": "提问",
        "purchase_intent": "购买意向",
        "complaint": "投诉",
        "spam": "垃圾广告",
        "toxic": "攻击辱骂",
        "sarcasm": "反讽",
    }
)

RISKS: Final = MappingProxyType(
    {
        "food_safety": "食品安全",
        "injury": "人身伤害",
        "counterfeit": "假货欺诈",
        "privacy": "隐私泄露",
        "discrimination": "歧视冒犯",
        "legal": "法律监管",
        "boycott": "抵制",
        "staff": "员工失当",
        "defect": "批量缺陷",
    }
)

ASPECTS: Final = MappingProxyType(
    {
        "quality": "质量",
        "price": "价格",
        "logistics": "物流",
        "service": "服务",
        "appearance": "外观",
        "effect": "效果",
        "taste": "口味",
        "smell": "气味",
        "packaging": "包装",
        "environment": "环境",
        "after_sales": "售后",
        "performance": "性能",
        "content": "内容",
    }
)

INTERESTS: Final = MappingProxyType(
    {
        "beauty": "美妆护肤",
        "fashion": "时尚穿搭",
        "food": "美食",
        "parenting": "母婴育儿",
        "fitness": "健身",
        "sports": "体育",
        "health": "健康",
        "pets": "宠物",
        "home": "家居",
        "digital": "数码科技",
        "auto": "汽车",
        "game": "游戏",
        "anime": "动漫",
        "film_tv": "影视综艺",
        "music": "音乐",
        "travel": "旅行",
        "education": "教育",
        "career": "职场",
        "finance": "财经",
        "property": "房产",
        "culture": "文化",
        "society": "社会",
        "military": "军事",
        "agriculture": "三农",
        "relationship": "情感",
        "humor": "搞笑",
        "other": "其他",
    }
)

POLARITIES: Final = ("positive", "neutral", "negative")
PLATFORMS: Final = MappingProxyType(
    {
        "douyin": "抖音",
        "xhs": "小红书",
        "weibo": "微博",
        "bilibili": "哔哩哔哩",
        "kuaishou": "快手",
        "taobao": "淘宝天猫",
        "jd": "京东",
        "youzan": "有赞",
        "shop": "电商",
        "other": "其他",
    }
)
