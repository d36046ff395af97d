"""A verdict as one HTML page: nothing is loaded, nothing runs, light and dark.

Sections are made of text and of SVG drawings; text is escaped here, drawings must be by whoever draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #59636e; --line: #d1d9e0; }
:root { --good: #1a7f37; --bad: #c0271d; --open: #9a6700; --ww: #6e5494; --wr: #0969da; --rw: #c0271d; --order: #1a7f37; }
@media (prefers-color-scheme: dark) {
:root { --ink: #e6edf3; --paper: #0d1117; --faint: #9198a1; --line: #3d444d; }
:root { --good: #3fb950; --bad: #ff7b72; --open: #d29922; --ww: #bc8cff; --wr: #58a6ff; --rw: #ff7b72; --order: #3fb950; }
}
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--paper); color: var(--ink); }
body { font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h1 b { padding: 0 .5rem; border-radius: .3rem; color: var(--paper); }
b.valid { background: var(--good); } b.invalid { background: var(--bad); } b.unknown { background: var(--open); }
h2 { font-size: 1.1rem; margin-top: 2rem; border-top: 1px solid var(--line); padding-top: 1rem; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); border-radius: .4rem; font-size: .85rem; }
p.note { color: var(--faint); } svg { max-width: 100%; height: auto; display: block; }
""".strip()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page. note: what the title means, one sentence; drawing: SVG, or empty; lines: preformatted text."""

    title: str
    note: str = ""
    drawing: str = ""
    lines: Sequence[str] = ()


def page(word: str, subject: str, why: str, sections: Sequence[Section], closing: Sequence[str] = ()) -> str:
    """The page. word: valid, invalid or unknown; subject: what was judged by what; closing: sentences at the end."""
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(word)}: {escape(subject)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body><main>",
        f'<h1><b class="{escape(word)}">{escape(word)}</b> {escape(subject)}</h1>',
    ]
    if why:
        parts.append(f"<p>{escape(why)}</p>")
    for section in sections:
        parts.append(f"<section><h2>{escape(section.title)}</h2>")
        if section.note:
            parts.append(f'<p class="note">{escape(section.note)}</p>')
        parts.append(section.drawing)
        if section.lines:
            parts.append(f"<pre>{escape(chr(10).join(section.lines))}</pre>")
        parts.append("</section>")
    parts += [f'<p class="note">{escape(sentence)}</p>' for sentence in closing]
    parts.append("</main></body></html>")
    return "\n".join(part for part in parts if part) + "\n"
