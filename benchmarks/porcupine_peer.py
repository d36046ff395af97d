"""Porcupine beside us: built from its public source, given the same histories, timed by its own clock.

`PORCUPINE` names a checkout of <https://github.com/anishathalye/porcupine>; Go is needed. Without either the benchmark compares
with stored figures, and says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from windtunnel.histories import History
from windtunnel.histories.columns import Columns

DRIVER = Path(__file__).parent / "peers" / "porcupine.go"


class Porcupine:
    """The built peer. folder: where it is built, and histories are written for it."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.source = source
        self._folder = folder
        shutil.copy(DRIVER, folder / "main.go")
        module = "github.com/anishathalye/porcupine"
        text = f"module peer\ngo 1.16\nrequire {module} v0.0.0\nreplace {module} => {source.resolve()}\n"
        (folder / "go.mod").write_text(text, encoding="utf-8")
        subprocess.run(["go", "build", "-o", "peer", "."], cwd=folder, check=True, timeout=300)
        self.logs = sorted((source / "test_data" / "jepsen").glob("*.log"))

    def times_s(self, histories: Iterable[History | Columns], kind: str, *, rounds: int, limit_s: int) -> list[tuple[str, float]]:
        """Verdict and best seconds of each; kind: register, kv or queue."""
        paths = []
        for number, history in enumerate(histories):
            path = self._folder / f"{kind}-{number}"
            path.write_text("".join(_lines(history, texts=kind != "register")), encoding="utf-8")
            paths.append(path.name)
        command = ["./peer", str(rounds), str(limit_s), kind, *paths]
        done = subprocess.run(command, cwd=self._folder, check=True, capture_output=True, text=True, timeout=900)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        return [(verdict, float(best)) for _, verdict, best, _ in rows]


def porcupine(folder: Path) -> Porcupine | None:
    """The peer, if there is a checkout and a compiler."""
    source = os.environ.get("PORCUPINE")
    return Porcupine(Path(source), folder) if source and shutil.which("go") else None


def _lines(history: History | Columns, *, texts: bool) -> Iterable[str]:
    """The events as the driver reads them."""
    if isinstance(history, Columns):
        yield from _lines_of_columns(history, texts=texts)
        return
    unanswered = []
    for kind, op in history.events():
        if op.type == "fail":
            continue
        if kind == "invoke":
            first, second = op.value if op.f == "cas" else (op.value, 0)
            first = ("" if texts else 0) if first is None else first
            process = op.process if isinstance(op.process, int) else 0
            yield f"c\t{op.index}\t{process}\t{op.f}\t{op.key}\t{first}\t{second}\n"
            if op.type == "info":
                unanswered.append(op.index)
        elif kind == "ok":
            yield f"r\t{op.index}\t{_answer(op.result, op.f, texts=texts)}\n"
    for index in unanswered:
        yield f"r\t{index}\t?\n"


def _answer(result: object, f: str, *, texts: bool) -> str:
    if f in ("write", "append", "enqueue"):
        return "" if texts else "true"
    if result is None:
        return "" if texts and f == "read" else "nil"
    return str(result).lower() if isinstance(result, bool) else str(result)


def _lines_of_columns(columns: Columns, *, texts: bool) -> Iterable[str]:
    events: list[str] = [""] * (2 * len(columns))
    names = columns.functions
    for number in range(len(columns)):
        f, value, result = names[columns.f[number]], columns.values[columns.value[number]], columns.values[columns.result[number]]
        head = f"c\t{number}\t{columns.process[number]}\t{f}\t{columns.keys[columns.key[number]]}"
        events[columns.invoked[number]] = f"{head}\t{0 if value is None else value}\t0\n"
        events[columns.completed[number]] = f"r\t{number}\t{_answer(result, f, texts=texts)}\n"
    return events
