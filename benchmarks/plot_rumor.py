"""Draws docs/img/rumor.svg: how a rumor spreads among 10,000 sites, against theory. Run as `python benchmarks/plot_rumor.py`."""

from __future__ import annotations

import time
from pathlib import Path

from windtunnel.scenarios.infection import Curve, infection_curve
from windtunnel.systems.gossip.rumor import Options, infected, residue

OUT = Path(__file__).parent.parent / "docs" / "img" / "rumor.svg"
SITES = 10_000
INTEREST = (1, 2, 3, 4, 5)
RUNS = 4  # per point of the right panel
COLOURS = {"push": "#0072b2", "pull": "#d55e00", "push-pull": "#009e73"}  # Okabe and Ito: told apart by everybody
WIDTH, HEIGHT, LEFT, TOP, PANEL, TALL, GAP = 920, 380, 62, 52, 470, 260, 96


def curves() -> dict[str, Curve]:
    """One run per mode; sites never lose interest, contacts are Poisson."""
    return {mode: infection_curve(sites=SITES, options=Options(mode=mode, poisson=True), forever=True) for mode in COLOURS}


def residues() -> dict[int, float]:
    """Mean fraction that never hears, by k: push, feedback, coin."""
    found = {}
    for k in INTEREST:
        options = Options(k=k, coin=True, poisson=True)
        runs = [infection_curve(sites=SITES, seed=seed, options=options, step_rounds=1.0) for seed in range(RUNS)]
        found[k] = sum(run.residue for run in runs) / RUNS
    return found


def path(points: list[tuple[float, float]], style: str) -> str:
    data = " ".join(f"{'M' if i == 0 else 'L'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(points))
    return f'<path d="{data}" fill="none" {style}/>'


def text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{words}</text>'


def left_panel(found: dict[str, Curve]) -> list[str]:
    """Fraction infected over rounds, measured (solid) and logistic (dashed, aligned where one half has heard)."""
    last = max(curve.rounds[-1] for curve in found.values())
    x = lambda rounds: LEFT + PANEL * rounds / last  # noqa: E731
    y = lambda part: TOP + TALL * (1.0 - part)  # noqa: E731
    rows = [text(LEFT, TOP - 24, f"One rumor among {SITES:,} sites", 'class="title"')]
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        rows.append(path([(LEFT, y(part)), (LEFT + PANEL, y(part))], 'class="grid"'))
        rows.append(text(LEFT - 8, y(part) + 4, f"{part:.0%}", 'text-anchor="end"'))
    ticks = range(0, int(last) + 1, 4)
    rows.extend(text(x(rounds), TOP + TALL + 18, str(rounds), 'text-anchor="middle"') for rounds in ticks)
    rows.append(text(LEFT + PANEL / 2, TOP + TALL + 38, "mean rounds since the broadcast", 'text-anchor="middle"'))
    key_x, key_y = LEFT + 0.69 * PANEL, TOP + 0.5 * TALL  # below the curves
    for at, (mode, curve) in enumerate(found.items()):
        rate = 2.0 if mode == "push-pull" else 1.0
        theory = [(x(t), y(infected(rate * (t - curve.half_rounds)))) for t in curve.rounds]
        measured = [(x(t), y(heard / SITES)) for t, heard in zip(curve.rounds, curve.heard, strict=True)]
        rows.append(path(measured, f'stroke="{COLOURS[mode]}" stroke-width="2.5"'))
        rows.append(path(theory, 'class="theory"'))
        y_key = key_y + 20 * at
        rows.append(path([(key_x, y_key), (key_x + 24, y_key)], f'stroke="{COLOURS[mode]}" stroke-width="2.5"'))
        rows.append(text(key_x + 32, y_key + 4, f"{mode}: all at {curve.rounds[-1]:.1f}"))
    rows.append(path([(key_x, key_y + 60), (key_x + 24, key_y + 60)], 'class="theory"'))
    rows.append(text(key_x + 32, key_y + 64, "logistic"))
    return rows


def right_panel(found: dict[int, float]) -> list[str]:
    """Residue over k: measured (dots) and theory (ticks), in per cent."""
    left, wide = LEFT + PANEL + GAP, WIDTH - LEFT - PANEL - GAP - 24
    top = 0.25
    y = lambda part: TOP + TALL * (1.0 - part / top)  # noqa: E731
    rows = [text(left, TOP - 24, "Residue: sites that never hear", 'class="title"')]
    for part in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25):
        rows.append(path([(left, y(part)), (left + wide, y(part))], 'class="grid"'))
        rows.append(text(left - 8, y(part) + 4, f"{part:.0%}", 'text-anchor="end"'))
    for at, k in enumerate(INTEREST):
        x = left + wide * (at + 0.5) / len(INTEREST)
        rows.append(path([(x - 16, y(residue(k))), (x + 16, y(residue(k)))], 'class="theory"'))
        rows.append(f'<circle cx="{x:.1f}" cy="{y(found[k]):.1f}" r="5" fill="{COLOURS["push"]}"/>')
        rows.append(text(x, y(found[k]) - 12, f"{found[k]:.1%}", 'text-anchor="middle"'))
        rows.append(text(x, TOP + TALL + 18, str(k), 'text-anchor="middle"'))
    rows.append(text(left + wide / 2, TOP + TALL + 38, "k: interest is lost with 1/k per vain contact", 'text-anchor="middle"'))
    return rows


def main() -> None:
    began = time.perf_counter()
    found, left_over = curves(), residues()
    style = (
        "text{font:13px system-ui,sans-serif;fill:#333}.title{font-size:16px;font-weight:600}"
        ".grid{stroke:#ddd}.theory{stroke:#222;stroke-width:1.5;stroke-dasharray:5 4}"
    )
    what = "Measured infection curves of push, pull and push-pull lie on the logistic curve; measured residues lie on theory."
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{what}">',
        f'<style>{style}</style><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *left_panel(found),
        *right_panel(left_over),
        "</svg>",
    ]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("\n".join(rows) + "\n", encoding="utf-8")
    for mode, curve in found.items():
        print(f"{mode:10} all of {SITES:,} after {curve.rounds[-1]:5.1f} rounds, {curve.messages:,} messages")
    for k, part in left_over.items():
        print(f"k = {k}      residue {part:.2%}, theory {residue(k):.2%}")
    print(f"{OUT.name} drawn in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
