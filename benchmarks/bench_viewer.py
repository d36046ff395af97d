"""Frames of the trace viewer in headless Chromium (software raster): pan and zoom with so many messages in view.

    python benchmarks/bench_viewer.py

A frame is the time between two calls of requestAnimationFrame while every frame moves and zooms the view and paints (it is never
below 16.7 ms, one tick of the screen); `work` is the time of one paint with the raster forced. The peer strokes one line per
message on the same canvas, as a drawing without levels of detail does. Needs Playwright and Chromium; CHROMIUM names another.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from windtunnel.base.streams import Stream
from windtunnel.reports import render

NODES = [f"n{i}" for i in range(1, 6)]
CLIENTS = [f"c{i}" for i in range(1, 6)]
KINDS = ("AppendEntries", "Appended", "Request", "Reply", "RequestVote", "Vote", "InstallSnapshot")
ROUNDS = 3
TARGETS_MS = {10_000: 33.0, 50_000: 100.0}

FRAMES = """async ([count, naive]) => {
  const viewer = window.windtunnel;
  const { painter, trace } = viewer;
  painter.view.fit();
  const ctx = viewer.base.getContext("2d");
  const lines = () => {
    ctx.clearRect(0, 0, viewer.width, viewer.height);
    for (let i = 0; i < trace.count; i++) {
      if (!trace.isMessage[i]) continue;
      const { x0, y0, x1, y1 } = painter.endsOf(i);
      ctx.strokeStyle = painter.colours[trace.rank[trace.type[i]]];
      ctx.beginPath();
      ctx.moveTo(x0, y0);
      ctx.lineTo(x1, y1);
      ctx.stroke();
    }
  };
  const paint = naive ? lines : () => viewer.paint();
  const { view } = painter;
  const whole = view.max - view.min;
  const move = (k) => {
    const share = 0.97 + 0.03 * Math.cos(k / 3);
    [view.lo, view.hi] = [view.min + (0.5 + 0.5 * Math.sin(k / 5)) * (1 - share) * whole, 0];
    view.hi = view.lo + share * whole;
  };
  const frames = [], work = [];
  let last = await new Promise(requestAnimationFrame);
  for (let k = 0; k < count; k++) {
    move(k);
    paint();
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
  }
  for (let k = 0; k < Math.min(20, count); k++) {
    move(k);
    const began = performance.now();
    paint();
    ctx.getImageData(0, 0, 1, 1);
    work.push(performance.now() - began);
  }
  return { frames, work, shown: painter.shownCount };
}"""


def made_trace(messages, seed=1):
    """Rows of a trace with so many arrivals, 10,000 of them a second, a few lost; delays of 1 to 10 ms."""
    draw = Stream(seed, "bench viewer")
    names = NODES + CLIENTS
    rows = []
    for k in range(messages):
        sent = k / 10_000
        src, dst = names[draw.below(10)], NODES[draw.below(5)]
        if src == dst:
            dst = CLIENTS[draw.below(5)]
        kind = KINDS[min(6, int(draw.exponential(1.2)))]
        text = f"{kind}(term={k // 5000}, index={k // 40})"
        if draw.chance(0.005):
            rows.append({"t": sent, "kind": "send-lost", "node": src, "dst": dst, "text": text})
        else:
            row = {"t": sent + draw.uniform(0.001, 0.010), "kind": "deliver", "node": dst, "src": src, "sent": sent, "text": text}
            rows.append({**row, "state": {"commit_index": str(k // 40)}})
    rows.sort(key=lambda row: row["t"])
    return rows


def page(messages):
    """A report with such a trace."""
    rows = made_trace(messages)
    end = rows[-1]["t"]
    faults = [
        {"at_s": end * a, "until_s": end * b, "verb": v, "args": {}, "text": v}
        for a, b, v in ((0.2, 0.3, "cut"), (0.6, 0.7, "weather"))
    ]
    results = {"verdict": "valid", "world": "sim", "nodes": NODES, "clients": CLIENTS, "faults": faults, "sim_s": end}
    return render(results, None, rows)


def rows(*, quick=False):
    """One row per number of messages: p50 of a frame, beside a drawing of single lines."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        print("no chromium on the PATH (or in CHROMIUM)")
        return
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=program, args=["--headless", "--no-sandbox", "--disable-gpu"])
        for messages, target_ms in TARGETS_MS.items():
            file = Path(folder) / f"{messages}.html"
            file.write_text(page(messages), encoding="utf-8")
            tab = browser.new_page(viewport={"width": 1400, "height": 900})
            began = time.perf_counter()
            tab.goto(file.as_uri())
            tab.wait_for_selector("#viewer[data-ready]")
            opened_s = time.perf_counter() - began
            count = 30 if quick else 120
            ours = [tab.evaluate(FRAMES, [count, False]) for _ in range(ROUNDS)]
            naive = [tab.evaluate(FRAMES, [max(8, count // 8), True]) for _ in range(ROUNDS)]
            tab.close()
            name = f"viewer, {messages:,} messages in view"
            yield _row(f"{name}: frame p50 (target < {target_ms:g})", "ms", _p50(ours, "frames"), _p50(naive, "frames"))
            yield _row(f"{name}: work p50", "ms", _p50(ours, "work"), _p50(naive, "work"))
            yield _row(f"{name}: page opened, {file.stat().st_size / 1e6:.1f} MB", "s", opened_s, None)
            print(f"  messages drawn in a frame: {ours[0]['shown']:,}")
        browser.close()


def _p50(rounds, what):
    """The median of the quietest round: whatever else runs on the machine only adds."""
    return min(statistics.median(found[what]) for found in rounds)


def _row(name, unit, ours, peer):
    return {
        "name": name,
        "unit": unit,
        "ours": ours,
        "peer_name": "a line per message" if peer is not None else None,
        "peer": peer,
        "ratio": peer / ours if peer is not None else None,
        "kernel": "chromium",
        "command": "python benchmarks/bench_viewer.py",
    }


if __name__ == "__main__":
    for found in rows():
        print({key: found[key] for key in ("name", "unit", "ours", "peer")})
