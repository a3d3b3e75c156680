"""Bodies and answers about segments, ways, campaigns, baselines and lists; see ``schemas``."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from serving.api.deps import FIRST_DAY, LAST_DAY
from serving.api.people_schemas import SEEN, Name
from serving.api.schemas import Count, Short, Strict

_COST: dict[str, Any] = {
    "campaign_id": "c1", "campaign_name": "秋季新茶", "platform": "douyin",
    "time": "2026-09-01T00:00:00+08:00", "cost_cny": 1200.0, "shown_count": 30000,
    "click_count": 900, "conversion_count": 60,
}  # fmt: skip
_OUTCOME: dict[str, Any] = {
    "campaign_id": "c1", "platform": "douyin", "user_id": "u9", "arm": "treatment", "sent": True,
    "matched": True, "shown": True, "clicked": False, "converted": True, "amount_cny": 38.0,
}  # fmt: skip
_CONTACT = {
    "platform": "douyin", "user_id": "u9", "type": "phone", "value": "13800000001",
    "consent": "会员协议",
}  # fmt: skip
Day = Annotated[date | None, Field(None, ge=FIRST_DAY, le=LAST_DAY, examples=["2026-09-28"])]
Text = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
Money = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]


class RfmBody(Strict):
    """Which RFM to keep."""

    as_of: Day
    method: Literal["ties", "ntile"] = "ties"
    cut: Literal["mean", "median", "score"] = "mean"


class RfmAnswer(BaseModel):
    """RFM of the store's orders as of a day."""

    as_of: str = Field(examples=["2026-09-28"])
    method: str
    persons: int | None = Field(description=SEEN)
    tie_share: float | None
    tie_shares: dict[str, float] | None
    cut: dict[str, Any] | None
    segments_version: int
    segments8: dict[str, int | None] = Field(examples=[{"重要价值": 120, "一般挽留": 800}])
    segments11: dict[str, int | None]
    summary8: list[dict[str, Any]]
    summary11: list[dict[str, Any]]
    rows: dict[str, Any]
    migration: dict[str, Any] | None


class RfmKept(RfmAnswer):
    """The same, and how many segments were written."""

    kept: int


class LtvAnswer(BaseModel):
    """Lifetime value of the store's buyers."""

    model_config = ConfigDict(extra="allow")

    end: str
    fitted_to: str
    unit: str
    horizon: float
    persons: int | None = Field(description=SEEN)
    repeaters: int | None
    gamma_gamma: dict[str, Any] | None
    expected_purchases_total: float | None
    holdout: dict[str, Any] | None


class GroupsBody(Strict):
    """Fit with ``k`` groups or as many as are stable, or place by the model of an answer."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"k": 4, "keep": True}]})

    k: int | None = Field(None, ge=2, le=50)
    model: dict[str, Any] | None = Field(None, description="place persons, nothing is fitted")
    compare_to: dict[str, Any] | None = Field(None, description="an earlier model")
    keep: bool = Field(False, description="write each person's group into the store")

    @model_validator(mode="after")
    def _one_of_both(self) -> GroupsBody:
        if self.model is not None and self.k is not None:
            raise ValueError("expected k or model, found both: a model has its groups")
        return self


class GroupsAnswer(BaseModel):
    """Persons with like interests."""

    persons: int | None = Field(description=SEEN)
    left_out: int | None
    k: int
    stability: float | None
    stabilities: dict[str, float]
    groups: list[dict[str, Any]] = Field(
        examples=[[{"group": 0, "name": "美食", "persons": 120, "share": 0.4, "terms": []}]]
    )
    drift: list[dict[str, Any]] | None


class GroupsKept(GroupsAnswer):
    """The same with the model, and how many persons' groups were written."""

    model: dict[str, Any]
    kept: int


class InfluenceAnswer(BaseModel):
    """Who is listened to; ``top`` and ``seeds`` are null for keys without the scope admin."""

    persons: int | None = Field(description=SEEN)
    edges: int
    left_out: int
    tiers: dict[str, int | None]
    communities: int
    community_sizes: list[int]
    modularity: float
    max_core: int
    top: list[dict[str, Any]] | None
    hops: int
    seeds: list[dict[str, Any]] | None


class RetentionAnswer(BaseModel):
    """Cohorts and who came back; ``withheld`` counts those too small for this key."""

    unit: str
    cohorts: list[dict[str, Any]]
    mean: list[float | None]
    rows_in: int
    rejected: int
    withheld: int | None = None


class PathsAnswer(BaseModel):
    """Nodes and links; ``withheld`` counts the links too small for this key."""

    nodes: list[dict[str, Any]]
    links: list[dict[str, Any]]
    sessions: int | None = Field(description=SEEN)
    persons: int | None = Field(description=SEEN)
    rows_in: int
    rejected: int
    withheld: int | None = None


class Cost(Strict):
    """What a campaign cost and brought on one day."""

    campaign_id: Text
    campaign_name: Short | None = None
    platform: Short | None = None
    time: datetime = Field(description="the start of the day; without a zone UTC+8")
    cost_cny: Money | None = None
    shown_count: Count | None = None
    click_count: Count | None = None
    conversion_count: Count | None = None

    @model_validator(mode="after")
    def _in_time(self) -> Cost:
        if not FIRST_DAY.year <= self.time.year <= LAST_DAY.year:
            raise ValueError(f"time: expected {FIRST_DAY.year} to {LAST_DAY.year}")
        return self


class CampaignsBody(Strict):
    """Rows per campaign and day."""

    campaigns: list[Cost] = Field(min_length=1, max_length=10_000, examples=[[_COST]])


class Outcome(Strict):
    """What came of one person in one campaign."""

    campaign_id: Text
    platform: Short | None = None
    user_id: Text = Field(description="stored as a keyed hash")
    arm: Literal["treatment", "holdout"] | None = Field(None, description="null is treatment")
    sent: bool | None = None
    matched: bool | None = None
    shown: bool | None = None
    clicked: bool | None = None
    converted: bool | None = None
    amount_cny: Money | None = None


class FeedbackBody(Strict):
    """Rows per campaign and person."""

    feedback: list[Outcome] = Field(min_length=1, max_length=10_000, examples=[[_OUTCOME]])


class CampaignAnswer(BaseModel):
    """One campaign: arms, lift against the holdout, cost and return."""

    campaign_id: str
    name: str | None
    arms: list[dict[str, Any]]
    lift: dict[str, Any] | None
    spend_lift: dict[str, Any] | None
    returns: dict[str, Any] | None
    notes: list[str]


class WrittenTags(BaseModel):
    """How many tags were written, of how many persons."""

    campaign_id: str
    tags: int
    persons: int


class BaselineBody(Strict):
    """Which figures to keep."""

    by: Literal["all", "content", "segment"] = "all"
    unit: Literal["day", "week"] = "day"
    as_of: Day


class BaselineAnswer(BaseModel):
    """The newest value of every series, and all that left their band."""

    as_of: str
    by: str
    unit: str
    method: Any
    periods: int
    latest: list[dict[str, Any]]
    left: list[dict[str, Any]]
    withheld: int | None = None


class BaselineKept(BaselineAnswer):
    """The same, and how many values were written."""

    kept: int


class OverlapBody(Strict):
    """Audiences to compare two by two."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"names": ["价值客户", "奶茶客"]}]})

    names: list[Name] = Field(min_length=2, max_length=50, examples=[["价值客户", "奶茶客"]])


class OverlapAnswer(BaseModel):
    """Every two of them."""

    overlaps: list[dict[str, Any]]


class Member(BaseModel):
    """One member."""

    person_id: str
    held_out: bool


class MembersAnswer(BaseModel):
    """A page of members; ``next`` is the ``after`` of the following one."""

    name: str
    version: int
    n: int
    members: list[Member]
    next: str | None


class Identifier(Strict):
    """One identifier as the brand has it, of a person or an account, with the consent given."""

    person_id: Short | None = None
    platform: Short | None = None
    user_id: Short | None = None
    type: Short = Field(examples=["phone"])
    value: Short
    consent: Short | None = Field(None, description="the basis; empty, 否, no or 0 is none")

    @model_validator(mode="after")
    def _somebody(self) -> Identifier:
        if not (self.person_id or self.user_id):
            raise ValueError("expected person_id, or platform and user_id")
        return self

    def as_row(self) -> dict[str, str]:
        """The row as a file would have it."""
        return {name: value or "" for name, value in self.model_dump().items()}


class ExportBody(Strict):
    """The platform and the brand's own list; nothing of it is stored."""

    platform: Short = Field(examples=["tencent_phone_sha256"])
    called: Name | None = Field(None, description="the name on the platform")
    purpose: Name | None = Field(None, description="only who allows it by the store's consents")
    identifiers: list[Identifier] = Field(max_length=20_000, examples=[[_CONTACT]])


class ExportAnswer(BaseModel):
    """The manifest; each file has its bytes as ``content_base64``."""

    audience: str
    version: int
    platform: str
    upload_type: str
    outer_audience_id: str
    members: int
    held_out: int
    without_identifier: int
    without_consent: int
    invalid: int
    persons: int
    rows: int
    consent: dict[str, int]
    files: list[dict[str, Any]]


class ActorsAnswer(BaseModel):
    """A page of persons of a funnel; ``next`` is the ``after`` of the following one."""

    n: int
    persons: list[dict[str, Any]]
    next: str | None
