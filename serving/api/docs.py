"""The page of the API at ``/docs``: paths, parameters, schemas and a form to try each.

One HTML page of our own that reads ``openapi.json`` from this service and nothing from anywhere
else; a content security policy holds the browser to that.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent


@cache
def docs_page() -> str:
    """The page, with its style and script inside."""
    style, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("docs.css", "docs.js"))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'"
    )
    page = (_HERE / "docs.html").read_text(encoding="utf-8")
    for name, value in (("policy", policy), ("style", style), ("script", script)):
        page = page.replace(f"@{name}@", value)
    return page


def _hash(text: str) -> str:
    """The source expression by which a policy allows exactly this inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
