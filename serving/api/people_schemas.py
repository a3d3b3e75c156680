"""Bodies and answers about persons, segments, audiences and funnels; see ``schemas``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from serving.api.schemas import Strict

RULE = "segment = 重要价值 and interest.food > 0.2"
TREE: dict[str, Any] = {
    "all": [
        {"field": "spending.orders", "op": ">=", "value": 3},
        {"not": {"field": "basic.region", "op": "in", "value": ["浙江", "江苏"]}},
    ]
}
STEPS: list[Any] = [{"event": "view"}, {"event": "add_cart"}, {"event": "pay"}]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f/?#]+$")
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
SEEN = "rounded down for keys without the scope admin, null below the smallest group"


class RuleBody(Strict):
    """A rule: as one line or as a tree."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rule": RULE}, {"rule": TREE}]})

    rule: Text | dict[str, Any] | list[Any] | None = Field(
        None, description="a line of text, or the tree (docs/audiences.md)", examples=[RULE]
    )
    where: Text | None = Field(None, description="the line, in place of rule")

    @model_validator(mode="after")
    def _one_of_both(self) -> RuleBody:
        if (self.rule is None) == (self.where is None):
            raise ValueError("expected either rule or where")
        return self

    @property
    def asked(self) -> Any:
        """The rule, however it was given."""
        return self.rule if self.rule is not None else self.where


class AudienceBody(RuleBody):
    """An audience to keep; the same name with another rule is its next version."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "高价值奶茶客", "rule": RULE, "holdout": 0.1}]}
    )

    name: Name = Field(examples=["高价值奶茶客"])
    holdout: float = Field(0.0, ge=0, lt=1, description="share to leave out of campaigns")
    min_size: int = Field(1, ge=1, le=2**31, description="refuse a smaller audience")


class FunnelBody(Strict):
    """The question of a funnel, in the form of docs/funnel.md."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"steps": STEPS, "order": "ordered", "window_s": 86400}],
        }
    )

    steps: list[Any] = Field(min_length=1, examples=[STEPS])
    order: Any = None
    window_s: Any = None
    step_windows_s: Any = None
    exclusions: Any = None
    breakdown: Any = None
    hold_constant: Any = None
    where: Any = None
    ties: Any = None
    reuse: Any = False


class CountAnswer(BaseModel):
    """How many of ``persons`` the rule chooses."""

    n: int | None = Field(description=SEEN, examples=[1200])
    persons: int | None
    as_of: str
    least: int = Field(description="smallest group whose count this key sees")


class AudienceVersion(BaseModel):
    """One version of a kept audience."""

    name: str = Field(examples=["高价值奶茶客"])
    version: int
    rule: Any
    holdout: float
    min_size: int
    n: int | None = Field(description=SEEN)
    n_held_out: int | None
    saved_at: str
    deleted: bool
    as_of: str
    run_id: str


class AudienceAnswer(AudienceVersion):
    """A kept audience and every version it has had."""

    versions: list[AudienceVersion] = []


class AudiencesAnswer(BaseModel):
    """The kept audiences, by name."""

    audiences: list[AudienceVersion]


class TagAnswer(BaseModel):
    """A business tag and how many persons have it."""

    tag: str = Field(examples=["beauty_oil_control"])
    name: str = Field(examples=["油皮控油人群"])
    version: int
    n: int | None = Field(description=SEEN)
    rule: Any
    source: str


class TagsAnswer(BaseModel):
    """Every tag."""

    tags: list[TagAnswer]


class FieldAnswer(BaseModel):
    """One field that rules can be about."""

    field: str = Field(examples=["spending.orders"])
    kind: Literal["number", "text", "bool", "time", "set"]
    name: str | None = Field(examples=["订单数"])
    operators: list[str]


class FieldsAnswer(BaseModel):
    """The catalogue of fields."""

    fields: list[FieldAnswer]


class FunnelAnswer(BaseModel):
    """Steps, who dropped between them, and what was asked beside."""

    model_config = ConfigDict(extra="allow")

    steps: list[dict[str, Any]]
    dropped: list[dict[str, Any]]


class AdviceAnswer(BaseModel):
    """What to publish for a segment: the facts counted, and the brief drafted from them."""

    segment: str
    persons: int | None
    as_of: str
    facts: dict[str, Any]
    brief: dict[str, Any]
