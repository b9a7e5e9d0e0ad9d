"""Templates into a page. Every value that they print is escaped, and nothing in it stays invisible.

A page loads nothing, and runs only its own script and style, which the browser knows by their hashes:
https://www.w3.org/TR/CSP3/#external-hash
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from shared.reporting.table import cells
from shared.reporting.text import visible

_FOLDER = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """A page. template: its file's name."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, plain, links, tables = (
        _FOLDER.joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "plain.css", "links.js", "page.js")
    )
    script = links + tables
    own = "base-uri 'none'; form-action 'none'"
    found.globals |= {
        "cells": cells,
        "style": Markup(style),
        "script": Markup(script),
        "policy": f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; {own}",
        "plain": Markup(plain),
        "links": Markup(links),
        "plain_policy": f"default-src 'none'; style-src {_hash(plain)}; script-src {_hash(links)}; {own}",
    }
    return found


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _finalize(value: object) -> object:
    """What is markup already was made by a template of ours."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
