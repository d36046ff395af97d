"""A learner's folder: the start of a lab, their work, and a small file that says which lab it is and how far they are."""

from __future__ import annotations

import contextlib
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.base.toml import toml_text
from windtunnel.labs.lab import HINT_LEVELS, README, START, Lab, files_below
from windtunnel.labs.shelf import address, find

STATE_FILE = ".windtunnel-lab.toml"
PAGES = ".windtunnel"
"""Folder for pages of failures, inside the learner's."""


@dataclass(slots=True)
class State:
    """What `.windtunnel-lab.toml` says. stage: the one to be passed next, "" without stages or when all are passed.

    hints: per check ("" for the lab) the highest level that was looked at.
    """

    lab: str
    content_hash: str = ""
    stage: str = ""
    passed: bool = False
    hints: dict[str, int] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write it, whole or not at all. Raises UsageError when the disk refuses."""
        row: dict[str, Any] = {
            "lab": self.lab,
            "content_hash": self.content_hash,
            "stage": self.stage,
            "passed": self.passed,
            "hints": self.hints,
        }
        write_text(folder / STATE_FILE, toml_text(row))


def read_state(folder: Path) -> State:
    """The state of a learner's folder. Raises UsageError for a folder that is none."""
    file = folder / STATE_FILE
    try:
        row = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{folder} is no lab folder: expected {STATE_FILE} in it; `windtunnel lab start LAB` makes one"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from None
    hints = row.get("hints", {})
    if not isinstance(row.get("lab"), str) or not isinstance(hints, Mapping):
        raise UsageError(f'{file}: expected lab = "<id>"')
    levels = {str(check): level for check, level in hints.items() if isinstance(level, int)}
    return State(row["lab"], str(row.get("content_hash", "")), str(row.get("stage", "")), bool(row.get("passed")), levels)


def start(name: str, folder: Path | None = None) -> Path:
    """Make a learner's folder: lesson, starter, state. folder: where; the default is `<lab-id>` here.

    Raises UsageError if something is there already: nobody's work is ever overwritten.
    """
    lab = find(name)
    if folder is None and Path(lab.id).resolve() == lab.folder:
        raise UsageError(f"{lab.id} is the folder of the lab itself: give another one for your work")
    place = Path(lab.id.replace("/", "-")) if folder is None else Path(folder)
    if (place / STATE_FILE).exists():
        raise UsageError(f"{place} was started already; go on there (`windtunnel lab check {place}`), or give another folder")
    contents = starter(lab)
    for file in contents:
        if (place / file).exists():
            raise UsageError(f"{place / file} exists already: choose another folder; nothing was written")
    try:
        for file, data in contents.items():
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_bytes(data)
    except OSError as error:
        raise UsageError(f"cannot write to {place}: {error.strerror}") from None
    State(address(lab), lab.content_hash, lab.stages[0].id if lab.stages else "").save(place)
    return place


def starter(lab: Lab) -> dict[str, bytes]:
    """The files that a learner begins with."""
    if lab.folder is None:
        from windtunnel.labs.safeguards import starter_files  # noqa: PLC0415 - as in `shelf`

        return starter_files(lab)
    return {README: (lab.folder / README).read_bytes(), **files_below(lab.folder / START)}


def folder_of(name: str | Path) -> Path:
    """A learner's folder by its path, or by the id of a lab that was started here. Raises UsageError."""
    place = Path(name)
    for candidate in (place, Path(str(name).replace("/", "-"))):
        if (candidate / STATE_FILE).is_file():
            return candidate
    if place.is_dir():
        read_state(place)  # raises, and says what is missing
    find(str(name))  # raises if there is no such lab
    raise UsageError(f"{name} has not been started here: `windtunnel lab start {name}`")


def started(place: Path) -> list[tuple[Path, State]]:
    """The learner's folders at a place and right below it."""
    found = []
    for folder in (place, *sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))):
        if (folder / STATE_FILE).is_file():
            with contextlib.suppress(UsageError):
                found.append((folder, read_state(folder)))
    return found


def write_text(path: Path, text: str) -> None:
    """Replace a file atomically. Raises UsageError when the disk refuses."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, fresh = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            Path(fresh).chmod(0o644)
            Path(fresh).replace(path)
        finally:
            Path(fresh).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


# --- Hints, solution ---


def hint(name: str, check: str = "", level: int = 1) -> str:
    """The text of a hint, level 1 to 3. Raises UsageError if the lab has none."""
    lab = find(name)
    if not 1 <= level <= len(HINT_LEVELS):
        raise UsageError(f"a hint has levels 1 to {len(HINT_LEVELS)}; got {level}")
    known = lab.hint(check)
    if known is None:
        raise UsageError(
            f"{lab.id} has no hint for {check!r}; it has: {', '.join(repr(each.check) for each in lab.hints) or 'none'}"
        )
    return known.levels[level - 1]


def solution(name: str) -> dict[str, str]:
    """The reference by file name: shown to whoever asks after passing."""
    lab = find(name)
    if lab.folder is None:
        from windtunnel.labs.safeguards import answer_files  # noqa: PLC0415 - as in `shelf`

        return {file: data.decode() for file, data in answer_files(lab).items()}
    return {file: data.decode("utf-8", "replace") for file, data in files_below(lab.folder / "reference").items()}
