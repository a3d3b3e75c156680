"""What Tingfeng knows about one comment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TopicScore:
    """An interest topic and its calibrated probability."""

    topic: str
    score: float


@dataclass(frozen=True, kw_only=True)
class AspectScore:
    """An aspect of a product or service, what is thought of it, and how sure that is (0..1)."""

    aspect: str
    polarity: str
    score: float


@dataclass(frozen=True, kw_only=True)
class CommentInsight:
    """The score columns of one comment; label keys as in ``data.labels``.

    ``sentiment``, ``emotion``, ``sentiment_score`` and the probabilities are None where there is
    nothing to judge.
    """

    sentiment: str | None
    sentiment_score: float | None
    p_negative: float | None
    p_neutral: float | None
    p_positive: float | None
    emotion: str | None
    interest: str | None
    interests: tuple[TopicScore, ...]
    keywords: tuple[str, ...]
    aspects: tuple[AspectScore, ...]
    flags: tuple[str, ...]
    risks: tuple[str, ...]
    truncated: bool
    model_version: str
