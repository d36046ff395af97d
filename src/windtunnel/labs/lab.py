"""A lab on disk: one folder of the catalogue, read and checked.

| file | what |
|---|---|
| `lab.toml` | what it is about, how long it takes, hints, mutants: the fields of `Lab` |
| `README.md` | the lesson and the task |
| `start/` | what a learner begins with |
| `reference/` | a solution that passes every check |
| `mutants/<name>.py` | the reference with one fault each; every one must fail |
| `checks.py` | the grader: see `checking` |

A folder that is not complete is refused as a whole, with the name of the file and of the field: a lab that half works would
waste somebody's evening.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from windtunnel.base.errors import UsageError, unknown

LAB_FILE, README, CHECKS, START, REFERENCE, MUTANTS = "lab.toml", "README.md", "checks.py", "start", "reference", "mutants"
FORMS = ("world", "core", "http", "maelstrom", "safeguard")
HINT_LEVELS = ("nudge", "direction", "almost the answer")
LAWS = range(1, 8)

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MUTANT = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of a lab of several; the checks of the stages before belong to it too."""

    id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Help with one check, or with the lab if `check` is "". levels: a nudge, a direction, almost the answer."""

    check: str
    levels: tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """The reference with one fault. killed_by: the check that must find it."""

    name: str
    what: str
    killed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """One lab. The fields are those of `lab.toml`; folder: where it lies, None for a lab made of a safeguard.

    hours: what it takes somebody at that place of the path. difficulty: 1 to 5. laws: numbers of the seven laws. rows: ids of the
    curriculum. file: what the learner edits. rule: for a safeguard lab, (system, safeguard).
    """

    id: str
    title: str
    summary: str
    objective: str
    why: str
    hours: float
    difficulty: int
    form: str
    file: str
    prerequisites: tuple[str, ...] = ()
    laws: tuple[int, ...] = ()
    pillars: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    hints: tuple[Hint, ...] = ()
    mutants: tuple[Mutant, ...] = ()
    folder: Path | None = None
    rule: tuple[str, str] | None = None

    @property
    def content_hash(self) -> str:
        """Of all that decides the verdict: every file of the lab, or the declaration of the safeguard. 16 hexadecimal digits."""
        digest = hashlib.blake2b(digest_size=8)
        if self.folder is None:
            digest.update(repr((self.id, self.objective)).encode())
            return digest.hexdigest()
        for name, data in sorted(files_below(self.folder).items()):
            digest.update(f"{name}\0{len(data)}\0".encode())
            digest.update(data)
        return digest.hexdigest()

    def stage_number(self, stage: str) -> int:
        """From 1. Raises UsageError for a stage that the lab does not have."""
        known = [each.id for each in self.stages]
        if stage not in known:
            if not known:
                raise UsageError(f"{self.id} has no stages; leave --stage away")
            raise unknown(f"stage of {self.id}", stage, known)
        return known.index(stage) + 1

    def hint(self, check: str) -> Hint | None:
        """The hint for a check, else the one for the lab."""
        by_check = {hint.check: hint for hint in self.hints}
        return by_check.get(check) or by_check.get("")

    def source(self, place: str) -> str:
        """The text of a file of the lab, such as "README.md" or "start/breaker.py"."""
        assert self.folder is not None, "a safeguard lab has no files of its own"
        return (self.folder / place).read_text(encoding="utf-8")

    def to_json(self) -> dict[str, Any]:
        """What a list of labs shows."""
        plain = {
            f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"folder", "hints", "mutants", "stages", "rule"}
        }
        row = {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
        row["stages"] = [{"id": stage.id, "title": stage.title} for stage in self.stages]
        row["hints"] = sorted({hint.check for hint in self.hints})
        row["mutants"] = [{"name": mutant.name, "what": mutant.what, "killed_by": mutant.killed_by} for mutant in self.mutants]
        return row


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file under a folder by its relative name, without what Python or an editor leaves there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith((".", "__pycache__")) or part.endswith("~") for part in parts):
            found["/".join(parts)] = path.read_bytes()
    return found


# --- Reading ---


def read_lab(folder: Path) -> Lab:
    """The lab in a folder. Raises UsageError that names the file and the field."""
    file = folder / LAB_FILE
    try:
        row = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not TOML: {error}") from None
    lab = _Reading(row, str(file)).lab(folder)
    _check_files(lab, folder)
    return lab


class _Reading:
    """Takes the entries of a table one by one, each with its type; what is left over is a typing error."""

    def __init__(self, row: Mapping[str, Any], where: str) -> None:
        self._row = dict(row)
        self._where = where
        self._known: list[str] = []

    def lab(self, folder: Path) -> Lab:
        """The whole of it."""
        identity = self.text("id")
        if not _ID.fullmatch(identity) or identity != folder.name:
            raise self.wrong("id", f"the name of its folder, {folder.name!r}, in small letters with hyphens", identity)
        lab = Lab(
            id=identity,
            title=self.text("title"),
            summary=self.line("summary"),
            objective=self.text("objective"),
            why=self.text("why"),
            hours=self.number("hours", above=0.0, most=40.0),
            difficulty=int(self.number("difficulty", above=0, most=5, whole=True)),
            form=self.one_of("form", FORMS[:-1]),
            file=self.line("file"),
            prerequisites=self.texts("prerequisites"),
            laws=self.laws(),
            pillars=self.texts("pillars"),
            rows=self.texts("rows"),
            stages=tuple(Stage(id=row.line("id"), title=row.line("title")) for row in self.tables("stages")),
            hints=tuple(self.hints()),
            mutants=tuple(self.mutants()),
            folder=folder,
        )
        self.finished()
        return lab

    def hints(self) -> list[Hint]:
        found = []
        for row in self.tables("hints"):
            check, levels = row.text("check", empty=True), row.texts("levels")
            if len(levels) != len(HINT_LEVELS):
                raise row.wrong("levels", f"three texts: {', '.join(HINT_LEVELS)}", levels)
            row.finished()
            found.append(Hint(check=check, levels=(levels[0], levels[1], levels[2])))
        return found

    def mutants(self) -> list[Mutant]:
        table = self._take("mutants", {})
        if not isinstance(table, Mapping):
            raise self.wrong("mutants", "tables [mutants.<name>]", table)
        found = []
        for name, row in table.items():
            where = f"{self._where}: [mutants.{name}]"
            if not _MUTANT.fullmatch(name) or not isinstance(row, Mapping):
                raise UsageError(f"{where}: expected a table; its name has small letters, digits and underscores")
            reading = _Reading(row, where)
            found.append(Mutant(name=name, what=reading.line("what"), killed_by=reading.line("killed_by")))
            reading.finished()
        return found

    def laws(self) -> tuple[int, ...]:
        value = self._take("laws", ())
        if not isinstance(value, list | tuple) or not all(law in LAWS for law in value):
            raise self.wrong("laws", "a list of numbers from 1 to 7", value)
        return tuple(value)

    # --- Types ---

    def text(self, name: str, *, empty: bool = False) -> str:
        value = self._take(name)
        if not isinstance(value, str) or not (empty or value.strip()):
            raise self.wrong(name, "a text", value)
        return value.strip()

    def line(self, name: str) -> str:
        value = self.text(name)
        if "\n" in value:
            raise self.wrong(name, "one line", value)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._take(name, [])
        if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
            raise self.wrong(name, "a list of texts", value)
        return tuple(each.strip() for each in value)

    def number(self, name: str, *, above: float, most: float, whole: bool = False) -> float:
        value = self._take(name)
        kinds = int if whole else int | float
        if isinstance(value, bool) or not isinstance(value, kinds) or not above < value <= most:
            raise self.wrong(name, f"a {'whole ' if whole else ''}number above {above:g}, at most {most:g}", value)
        return float(value)

    def one_of(self, name: str, known: tuple[str, ...]) -> str:
        value = self._take(name)
        if value not in known:
            raise self.wrong(name, f"one of {', '.join(known)}", value)
        return str(value)

    def tables(self, name: str) -> list[_Reading]:
        value = self._take(name, [])
        if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
            raise self.wrong(name, f"tables [[{name}]]", value)
        return [_Reading(row, f"{self._where}: [[{name}]] number {i}") for i, row in enumerate(value, 1)]

    # --- Errors ---

    def _take(self, name: str, default: Any = None) -> Any:
        self._known.append(name)
        if name not in self._row and default is None:
            raise UsageError(f"{self._where}: {name} is missing")
        return self._row.pop(name, default)

    def wrong(self, name: str, expected: str, got: Any) -> UsageError:
        """The error for one field. To be raised by the caller."""
        return UsageError(f"{self._where}: {name}: expected {expected}; got {got!r}")

    def finished(self) -> None:
        """Raises UsageError for an entry that nobody asked for."""
        for name in self._row:
            raise UsageError(f"{self._where}: {unknown('entry', name, sorted(self._known))}")


def _check_files(lab: Lab, folder: Path) -> None:
    for name in (README, CHECKS, f"{START}/{lab.file}", f"{REFERENCE}/{lab.file}"):
        if not (folder / name).is_file():
            raise UsageError(f"{folder / LAB_FILE}: expected a file {name} beside it")
    suffix = Path(lab.file).suffix
    declared = {f"{mutant.name}{suffix}" for mutant in lab.mutants}
    there = {path.name for path in (folder / MUTANTS).glob(f"*{suffix}")} if (folder / MUTANTS).is_dir() else set()
    for name in sorted(declared ^ there):
        missing = "expected the file" if name in declared else "nothing is said about"
        raise UsageError(f"{folder / LAB_FILE}: {missing} {MUTANTS}/{name}")
