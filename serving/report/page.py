"""The HTML report: one file, no request, nothing that a comment could turn into markup or script.

Comment texts are escaped by the template engine; data for scripts stands in a JSON block with every
``<`` escaped; and a content security policy names the hashes of the one style sheet and the one
script.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from profiles import surge
from profiles.interest import HALF_LIFE_DAYS, LONG_HALF_LIFE_DAYS, SHORT_HALF_LIFE_DAYS
from profiles.store.duckdb_store import DuckDBStore
from serving.report import charts, timeline, words
from serving.report.aspects import aspect_rows
from serving.report.crisis import Crisis
from serving.report.facts import MIN_JUDGED_CONTENT, MIN_TOPIC_COMMENTS, ReportFacts, read_facts

_TEMPLATES: Final = Path(__file__).parent / "templates"
_IN_SCRIPT: Final = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}
WIDE_PX: Final = 1060
NARROW_PX: Final = 330


def build_report(
    store: DuckDBStore, out: Path, *, title: str = "评论洞察报告", as_of: datetime | None = None
) -> Path:
    """Write the page of a refreshed store, replacing an older one whole; return the path.

    Raises:
        ReportError: the store was not refreshed as of that moment, or loaded since.
    """
    page = render_page(read_facts(store, title=title, as_of=as_of))
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.part")
    draft.write_text(page, encoding="utf-8")
    os.replace(draft, out)
    return out


def render_page(facts: ReportFacts) -> str:
    """Return the page that says ``facts``."""
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            facts=facts,
            aspects=aspect_rows(facts.groups.get("aspect", [])),
            style=Markup(style),
            script=Markup(script),
            policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
            "base-uri 'none'; form-action 'none'",
            data=Markup(script_json(_data(facts))),
            wide=WIDE_PX,
            narrow=NARROW_PX,
        )
    )


def script_json(value: Any) -> str:
    """Return JSON that stays inside its script element whatever the texts say."""
    text = json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)
    return "".join(_IN_SCRIPT.get(character, character) for character in text)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": words.count,
        "percent": words.percent,
        "signed": words.signed,
        "local_time": words.local_time,
        "local_day": words.local_day,
        "visible": words.visible,
        "local_hour": words.local_hour,
        "opening": words.opening,
    }
    environment.globals |= {
        "charts": charts,
        "name_of": words.name_of,
        "percent_range": words.percent_range,
        "surge": surge,
        "score_dots": timeline.score_dots,
        "stories": words.STORIES,
        "min_topic_comments": MIN_TOPIC_COMMENTS,
        "min_reliable": charts.MIN_RELIABLE,
        "min_judged_content": MIN_JUDGED_CONTENT,
        "half_life_days": HALF_LIFE_DAYS,
        "short_days": SHORT_HALF_LIFE_DAYS,
        "long_days": LONG_HALF_LIFE_DAYS,
    }
    return environment


def _data(facts: ReportFacts) -> dict[str, Any]:
    """The page's main numbers for programs that read it."""
    return {
        "title": facts.title,
        "as_of": facts.as_of.isoformat(),
        "summary": facts.summary,
        "sentiment": {group.key: group.n for group in facts.groups.get("sentiment", [])},
        "crises": [_crisis(one) for one in facts.crises],
        "periods": [
            {
                "start": one.start.isoformat(),
                "negative": one.n_negative,
                "neutral": one.n_neutral,
                "positive": one.n_positive,
                "unjudged": one.n_unjudged,
            }
            for one in facts.periods
        ],
    }


def _crisis(crisis: Crisis) -> dict[str, Any]:
    return {
        "days": [day.isoformat() for day in crisis.days],
        "alarmed_at": crisis.alarmed_at.isoformat(),
        "negative": crisis.worst["n_negative"],
        "expected": crisis.worst["expected"],
        "alarm_at": crisis.worst["alarm_at"],
        "risks": crisis.worst["risks"],
        "contents": [one.content_id for one in crisis.contents],
    }


def _hash(text: str) -> str:
    """The source expression by which a policy allows exactly this inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
