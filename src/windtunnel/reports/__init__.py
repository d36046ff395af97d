"""Floor 2: what a run looks like to people and to other tools.

Reading order: `words` (how things are said), `explain` (one screen of text), `html` (the page: `sections` and `charts` write
its text, `embed` packs its data, `static/` draws), `exports` (ShiViz, Chrome trace, EDN).
"""

from windtunnel.reports.explain import explain
from windtunnel.reports.exports import chrome_trace, edn, shiviz
from windtunnel.reports.html import render

__all__ = ["chrome_trace", "edn", "explain", "render", "shiviz"]
