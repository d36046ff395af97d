"""The report page: one file that opens by double click, asks nobody for anything and hides nothing from a screen reader.

Theory of operation. The text of the page is written here; the timeline and the trace viewer are left to a script, which reads
the data from <script type="application/json"> elements; a long trace is compressed, and read after the page is on the screen.
Histories are written by strangers, so values are escaped on their way into the text, into the JSON, and reach the page only as
text nodes in the script; and a content security policy with the hash of our script forbids everything else, the network included.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any
from urllib.parse import quote

from windtunnel.histories import History
from windtunnel.reports import charts, sections
from windtunnel.reports.embed import data_of, pack_trace, script_json, trace_window
from windtunnel.reports.words import VERDICTS, claim

SCRIPTS = (
    "view.js",
    "pen.js",
    "deck.js",
    "timeline.js",
    "dom.js",
    "marks.js",
    "raster.js",
    "trace.js",
    "lifelines.js",
    "overview.js",
    "svgpen.js",
    "nodes.js",
    "branch.js",
    "table.js",
    "keys.js",
    "controls.js",
    "viewer.js",
    "page.js",
)
"""The modules of the page, each after those that it imports: joined in this order into one closed scope."""

STYLES = ("colours.css", "report.css", "viewer.css")

_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|class|const|let)", re.MULTILINE)

_COLOURS = {"valid": "#1a7f4b", "invalid": "#c0322b", "unknown": "#8a6100"}


def render(
    results: Mapping[str, Any],
    history: History | None = None,
    trace: Sequence[Mapping[str, Any]] = (),
    *,
    around_s: float | None = None,
    store: str | None = None,
) -> str:
    """The page for `results` (results.json as a dict), as HTML text to be written as UTF-8.

    trace: rows as results-json.md describes them; a window of it is drawn, around the violation, else around `around_s`.
    store: where the run is kept, for the command lines that the page shows.
    """
    window = trace_window(results, history, trace, around_s=around_s)
    script = _script()
    data = data_of(results, history, window, store=store)
    packed = pack_trace(data)
    verdict = str(results.get("verdict", "unknown"))
    word = VERDICTS.get(verdict, VERDICTS["unknown"])[1]
    page = Template(_asset("report.html")).substitute(
        title=escape(f"{word}: {claim(results)}"),
        icon=escape(_icon(verdict)),
        version=escape(str(results.get("windtunnel") or "")),
        style="\n".join(_asset(name) for name in STYLES),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(f"\n{script}\n".encode()).digest()).decode("ascii"),
        data=script_json(data),
        trace=packed,
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
    """The modules without their imports and exports: what they share is in the same scope, under names that do not collide."""
    body = "\n".join(_EXPORT.sub("", _IMPORT.sub("", _asset(name))) for name in SCRIPTS)
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
