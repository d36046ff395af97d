"""The report page: one file that opens by double click, asks nobody for anything and hides nothing from a screen reader.

Theory of operation. The text of the page is written here; two drawings are left to a script, which reads the data from a
<script type="application/json"> element. Histories are written by strangers, so values are escaped on their way into the
text, into the JSON, and reach the page only as text nodes in the script; and a content security policy with the hash of
our script forbids everything else, the network included.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any
from urllib.parse import quote

from windtunnel.histories import History
from windtunnel.reports import charts, sections
from windtunnel.reports.embed import data_of, script_json, trace_window
from windtunnel.reports.words import VERDICTS, claim

SCRIPTS = ("view.js", "deck.js", "timeline.js", "spacetime.js", "page.js")
"""Joined in this order into one closed scope."""

_COLOURS = {"valid": "#1a7f4b", "invalid": "#c0322b", "unknown": "#8a6100"}


def render(
    results: Mapping[str, Any],
    history: History | None = None,
    trace: Sequence[Mapping[str, Any]] = (),
    *,
    around_s: float | None = None,
) -> str:
    """The page for `results` (results.json as a dict), as HTML text to be written as UTF-8.

    trace: rows as results-json.md describes them; a window of it is drawn, around the violation, else around `around_s`.
    """
    window = trace_window(results, history, trace, around_s=around_s)
    script = _script()
    verdict = str(results.get("verdict", "unknown"))
    word = VERDICTS.get(verdict, VERDICTS["unknown"])[1]
    page = Template(_asset("report.html")).substitute(
        title=escape(f"{word}: {claim(results)}"),
        icon=escape(_icon(verdict)),
        version=escape(str(results.get("windtunnel") or "")),
        style=_asset("report.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(f"\n{script}\n".encode()).digest()).decode("ascii"),
        data=script_json(data_of(results, history, window)),
        masthead=sections.masthead(results),
        story=sections.story(results, history),
        promises=sections.promises(results),
        timeline=charts.timeline(results, history, window),
        messages=charts.messages(results, window),
        faults=sections.faults(results),
        scenario=sections.scenario(results),
        environment=sections.environment(results),
    )
    return page.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate in a value must not make the file unwritable


@cache
def _asset(name: str) -> str:
    return (files("windtunnel.reports") / "static" / name).read_text(encoding="utf-8").strip()


@cache
def _script() -> str:
    body = "\n".join(_asset(name) for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{body}\n}})();'


def _icon(verdict: str) -> str:
    """The verdict in the browser's tab, as a data URL."""
    strokes = sections.ICONS.get(verdict, sections.ICONS["unknown"])
    colour = _COLOURS.get(verdict, _COLOURS["unknown"])
    image = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#fff" stroke-width="2.4">'
        f'<circle cx="12" cy="12" r="11" fill="{colour}" stroke="none"/>{strokes}</svg>'
    )
    return "data:image/svg+xml," + quote(image)
