"""What goes over the wire, as the OpenAPI document shows it.

Answers are built as bytes; their models here are documentation, and tests hold the answers to them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Feature = Literal["sentiment", "emotion", "interests", "keywords", "aspects", "flags", "risks"]
Short = Annotated[str, StringConstraints(max_length=256)]
CommentId = Annotated[str, StringConstraints(min_length=1, max_length=256)] | int
Count = Annotated[int, Field(ge=0, le=2**53)]
EXAMPLE_TEXTS: list[Any] = ["这也太难喝了吧，再也不买了", "服务态度特别好"]
EXAMPLE_COMMENT = {
    "id": "7301",
    "text": "喝了一半杯底有虫子，喝完拉肚子",
    "platform": "douyin",
    "content_id": "v1",
    "user_id": "u9",
    "created_at": "2026-09-28T12:00:00+08:00",
    "like_count": 12,
    "region": "浙江",
}


class Strict(BaseModel):
    """A body without unknown members."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class Comment(Strict):
    """One comment; beside ``id`` and ``text`` everything is optional."""

    id: CommentId = Field(examples=["7301"])
    text: str | None = Field(examples=["喝了一半杯底有虫子，喝完拉肚子"])
    platform: Short | None = Field(None, examples=["douyin"])
    content_id: Short | None = Field(None, description="the video, note or post", examples=["v1"])
    parent_id: Short | None = Field(None, description="the comment answered")
    user_id: Short | None = Field(None, description="stored as a keyed hash", examples=["u9"])
    user_name: Short | None = Field(None, description="not stored")
    created_at: datetime | None = Field(None, examples=["2026-09-28T12:00:00+08:00"])
    like_count: Count | None = None
    reply_count: Count | None = None
    region: Short | None = Field(None, examples=["浙江"])


class AnalyzeRequest(Strict):
    """Either ``texts`` or ``comments``, in the order of the results."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"texts": list(EXAMPLE_TEXTS)}]})

    texts: list[str] | None = Field(None, min_length=1, examples=[EXAMPLE_TEXTS])
    comments: list[Comment] | None = Field(None, min_length=1, examples=[[EXAMPLE_COMMENT]])
    features: list[Feature] | None = Field(
        None, min_length=1, max_length=7, description="members to give; without it all"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> AnalyzeRequest:
        if (self.texts is None) == (self.comments is None):
            raise ValueError("expected either texts or comments")
        return self


class CommentsRequest(Strict):
    """Comments to score and store."""

    comments: list[Comment] = Field(min_length=1, examples=[[EXAMPLE_COMMENT]])


class ErrorDetail(BaseModel):
    """What was expected and found, and what to do."""

    code: str = Field(examples=["overloaded"])
    message: str
    hint: str
    request_id: str


class ErrorBody(BaseModel):
    """Every refusal."""

    error: ErrorDetail


class Topic(BaseModel):
    """An interest and its probability."""

    topic: str = Field(examples=["food"])
    score: float


class Aspect(BaseModel):
    """An aspect, what is thought of it, and how sure that is."""

    aspect: str = Field(examples=["taste"])
    polarity: str = Field(examples=["negative"])
    score: float


class Result(BaseModel):
    """One text's scores; with ``features`` only those asked for. ``id`` comes with comments."""

    id: str | int | None = None
    status: Literal["ok", "empty", "error"]
    sentiment: Literal["negative", "neutral", "positive"] | None = None
    sentiment_score: float | None = Field(None, description="p_positive - p_negative")
    p_negative: float | None = None
    p_neutral: float | None = None
    p_positive: float | None = None
    emotion: str | None = None
    interest: str | None = None
    interests: list[Topic] = []
    keywords: list[str] = []
    aspects: list[Aspect] = []
    flags: list[str] = []
    risks: list[str] = []
    truncated: bool
    model_version: str


class AnalyzeAnswer(BaseModel):
    """Results in the order of the texts."""

    model_version: str
    results: list[Result]


class Stored(BaseModel):
    """What became of the rows: ``unchanged`` were there, of ``duplicates`` the last counts."""

    rows: int
    inserted: int
    updated: int
    unchanged: int
    duplicates: int


class CommentsAnswer(AnalyzeAnswer):
    """Results and what the store did."""

    stored: Stored


class JobAnswer(BaseModel):
    """A job as its owner sees it."""

    id: str
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    created_at: str
    finished_at: str | None
    input_bytes: int
    out: str
    rows_done: int
    rows_total: int | None
    summary: dict[str, Any] | None
    error: str | None
    result: str | None = Field(description="path of the finished file")


class JobsAnswer(BaseModel):
    """A page of jobs, newest first; ``next`` is the cursor of the following page."""

    jobs: list[JobAnswer]
    next: str | None


class Health(BaseModel):
    """Alive."""

    status: str
    time: str


class Watching(BaseModel):
    """How ``tingfeng alerts watch`` is doing; it does not decide whether the service is ready."""

    status: Literal["absent", "watching", "no_comments", "stale", "unknown"] = Field(
        description="no_comments: the dead man's switch; stale: passes have stopped"
    )
    last_pass_at: str | None
    last_comment_at: str | None


class Readiness(BaseModel):
    """Able to answer."""

    status: str
    model_version: str
    store: str
    alerts: Watching


class Info(BaseModel):
    """What answers here."""

    service: str
    version: str
    model: dict[str, Any]
    runtime: dict[str, Any]
    limits: dict[str, Any]
    key: dict[str, Any] | None
