"""A fault plan as data: what is done to a cluster, when, and for how long.

    [[faults]]
    at_s = 12.5
    until_s = 14.0
    verb = "cut"
    args = { shape = "isolate", nodes = ["leader"] }

| verb | args | until `until_s` |
|---|---|---|
| cut | shape (see below), hold = messages wait for the heal instead of being lost | the links are cut |
| crash | nodes | they are down; then they restart from their disks |
| pause | nodes | their processes are frozen |
| skew | nodes, offset_s = jump of the clock, drift = 0.1 lets it run 10 % fast | the drift lasts; a jump stays |
| weather | drop, duplicate (probabilities), slow_s = up to so much added latency | every link suffers |
| disk | nodes, mode = slow (with sync_s), full or corrupt | the disk is bad; then it is repaired |

Shapes of a cut: `halves` (groups), `majority_ring` (nodes, in ring order), `bridge` (nodes, groups), `one_way` (nodes no
longer reach `to`), `isolate` (nodes). Where a node stands, `leader` may stand: whoever leads when the fault begins;
`others` is everybody else, `all` everybody. Without `until_s` a fault lasts for ever.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.base.messages import NodeId
from windtunnel.base.toml import toml_text
from windtunnel.faults.shapes import SHAPES

LEADER, OTHERS, ALL = "leader", "others", "all"

VERBS: dict[str, tuple[str, ...]] = {
    "cut": ("shape", "nodes", "groups", "to", "hold"),
    "crash": ("nodes",),
    "pause": ("nodes",),
    "skew": ("nodes", "offset_s", "drift"),
    "weather": ("drop", "duplicate", "slow_s"),
    "disk": ("nodes", "mode", "sync_s"),
}
"""The verbs and the arguments that each of them knows."""

DISK_MODES = ("slow", "full", "corrupt")

_RANGES = {"drop": (0.0, 1.0), "duplicate": (0.0, 1.0), "offset_s": (-1e6, 1e6), "drift": (-0.99, 10.0)}

_KINDS = {"cut": "partition", "crash": "crash", "pause": "pause", "skew": "clock", "disk": "disk"}
_WEATHER_KINDS = {"drop": "loss", "duplicate": "duplicate", "slow_s": "slow"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `verb` with `args` from `at_s` to `until_s`, seconds of the run; None is for ever."""

    at_s: float
    verb: str
    args: Mapping[str, Any] = field(default_factory=dict)
    until_s: float | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of fault, in the words of `System.faults`, that this is."""
        if self.verb != "weather":
            return (_KINDS[self.verb],)
        return tuple(kind for name, kind in _WEATHER_KINDS.items() if self.args.get(name))

    @property
    def text(self) -> str:
        """The fault in words: `partition halves: n1 n2 | n3 n4 n5`."""
        return _in_words(self.verb, self.args)

    def row(self) -> dict[str, Any]:
        """JSON values, as `results.json` and TOML have them."""
        row: dict[str, Any] = {"at_s": self.at_s, "verb": self.verb, "args": dict(self.args), "text": self.text}
        if self.until_s is not None:
            row["until_s"] = self.until_s
        return row


@dataclass(frozen=True, slots=True)
class Step:
    """One end of a fault: its beginning, or (`opens` false) its end."""

    at_s: float
    opens: bool
    fault: Fault
    index: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Faults in order of their beginning."""

    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "faults", tuple(sorted(self.faults, key=lambda fault: fault.at_s)))

    @property
    def end_s(self) -> float:
        """When the last fault is over; inf if one lasts for ever, 0 if there is none."""
        return max((math.inf if fault.until_s is None else fault.until_s for fault in self.faults), default=0.0)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of fault in the plan, each once, in order of appearance."""
        return tuple(dict.fromkeys(kind for fault in self.faults for kind in fault.kinds))

    def steps(self) -> list[Step]:
        """Beginnings and ends in time order; of the same moment, ends come first, and earlier faults before later ones."""
        steps = [Step(fault.at_s, True, fault, i) for i, fault in enumerate(self.faults)]
        steps += [Step(fault.until_s, False, fault, i) for i, fault in enumerate(self.faults) if fault.until_s is not None]
        return sorted(steps, key=lambda step: (step.at_s, step.opens, step.index))

    def check(self, nodes: Sequence[NodeId]) -> None:
        """Raises UsageError for a fault at a node that the cluster does not have."""
        for i, fault in enumerate(self.faults):
            for name in _addresses(fault.args):
                if name not in nodes and name not in (LEADER, OTHERS, ALL):
                    raise _located(f"fault {i + 1}", unknown("node", name, [*nodes, LEADER, OTHERS, ALL]))

    # --- As data ---

    def to_rows(self) -> list[dict[str, Any]]:
        """One JSON object per fault."""
        return [fault.row() for fault in self.faults]

    def to_toml(self) -> str:
        """One `[[faults]]` table per fault."""
        return toml_text({"faults": self.to_rows()})

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]], where: str = "plan") -> Plan:
        """A plan from parsed rows; `text` is ignored. Raises UsageError that names the row and what was expected."""
        return cls(tuple(_fault(row, f"{where}: fault {i + 1}") for i, row in enumerate(rows)))

    @classmethod
    def from_toml(cls, text: str, where: str = "plan") -> Plan:
        """A plan from TOML with `[[faults]]` tables."""
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{where}: not TOML: {error}") from None
        rows = values.get("faults", [])
        if set(values) - {"faults"} or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise UsageError(f"{where}: expected [[faults]] tables and nothing else")
        return cls.from_rows(rows, where)


# --- Validation ---


def _fault(row: Mapping[str, Any], where: str) -> Fault:
    for name in row:
        if name not in ("at_s", "until_s", "verb", "args", "text"):
            raise _located(where, unknown("entry", name, ("at_s", "until_s", "verb", "args")))
    verb = row.get("verb")
    if verb not in VERBS:
        raise _located(where, unknown("verb", str(verb), VERBS))
    at_s = _number(row.get("at_s"), where, "at_s")
    until_s = None if row.get("until_s") is None else _number(row["until_s"], where, "until_s")
    if until_s is not None and until_s <= at_s:
        raise UsageError(f"{where}: it ends at {until_s} s, before or when it begins at {at_s} s")
    args = row.get("args", {})
    if not isinstance(args, Mapping):
        raise UsageError(f"{where}: args is a table; got {args!r}")
    return Fault(at_s, verb, _valid_args(verb, args, where), until_s)


def _valid_args(verb: str, args: Mapping[str, Any], where: str) -> dict[str, Any]:
    for name in args:
        if name not in VERBS[verb]:
            raise _located(where, unknown(f"argument of {verb}", name, VERBS[verb]))
    needed: tuple[str, ...] = ("nodes",) if "nodes" in VERBS[verb] else ()
    if verb == "cut":
        shape = args.get("shape")
        if shape not in SHAPES:
            raise _located(where, unknown("shape", str(shape), SHAPES))
        needed = SHAPES[shape][0]
    elif verb == "disk":
        if args.get("mode") not in DISK_MODES:
            raise _located(where, unknown("disk mode", str(args.get("mode")), DISK_MODES))
    elif verb == "weather" and not any(args.get(name) for name in VERBS[verb]):
        raise UsageError(f"{where}: weather needs at least one of drop, duplicate, slow_s above 0")
    for name in needed:
        if name not in args:
            raise UsageError(f"{where}: {verb} needs {name}")
    return {name: _valid_arg(name, value, where) for name, value in args.items()}


def _valid_arg(name: str, value: Any, where: str) -> Any:
    if name in ("nodes", "to"):
        return _names(value, where, name)
    if name == "groups":
        if not isinstance(value, list | tuple) or len(value) < 2:
            raise UsageError(f"{where}: groups is a list of at least two lists of nodes; got {value!r}")
        return [_names(group, where, "a group") for group in value]
    if name == "hold":
        if not isinstance(value, bool):
            raise UsageError(f"{where}: hold is true or false; got {value!r}")
        return value
    if name in ("shape", "mode"):
        return value
    low, high = _RANGES.get(name, (0.0, 1e6))
    number = _number(value, where, name, low=low)
    if number > high:
        raise UsageError(f"{where}: {name} is at most {high:g}; got {value!r}")
    return number


def _names(value: Any, where: str, name: str) -> list[str]:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where}: {name} is a list of node names; got {value!r}")
    return list(value)


def _number(value: Any, where: str, name: str, *, low: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < low:
        raise UsageError(f"{where}: {name} is a number of at least {low:g}; got {value!r}")
    return float(value)


def _located(where: str, error: UsageError) -> UsageError:
    return UsageError(f"{where}: {error}")


def _addresses(args: Mapping[str, Any]) -> list[str]:
    """Every node name in the arguments of a fault."""
    names = [*args.get("nodes", ()), *args.get("to", ())]
    for group in args.get("groups", ()):
        names += group
    return names


# --- Words ---


def _in_words(verb: str, args: Mapping[str, Any]) -> str:
    nodes = " ".join(args.get("nodes", ()))
    match verb:
        case "cut":
            return _cut_in_words(args, nodes)
        case "skew":
            jump, drift = args.get("offset_s", 0.0), args.get("drift", 0.0)
            parts = ([f"jump {jump:+g} s"] if jump else []) + ([f"drift {100 * drift:+g} %"] if drift else [])
            return f"clock of {nodes}: {', '.join(parts) or 'no change'}"
        case "weather":
            parts = [f"lose {100 * args['drop']:g} %"] if args.get("drop") else []
            parts += [f"duplicate {100 * args['duplicate']:g} %"] if args.get("duplicate") else []
            parts += [f"delay up to {1000 * args['slow_s']:g} ms more"] if args.get("slow_s") else []
            return f"messages: {', '.join(parts)}"
        case "disk":
            slow = f", syncs of up to {1000 * args.get('sync_s', 0.0):g} ms" if args["mode"] == "slow" else ""
            return f"disk of {nodes}: {args['mode']}{slow}"
        case _:
            return f"{verb} {nodes}"


def _cut_in_words(args: Mapping[str, Any], nodes: str) -> str:
    groups = " | ".join(" ".join(group) for group in args.get("groups", ()))
    held = ", messages held" if args.get("hold") else ""
    match args["shape"]:
        case "halves":
            return f"partition halves: {groups}{held}"
        case "majority_ring":
            return f"partition majority ring: {nodes}{held}"
        case "bridge":
            return f"partition bridge {nodes}: {groups}{held}"
        case "one_way":
            return f"partition one way: {nodes} no longer reaches {' '.join(args['to'])}{held}"
        case _:
            return f"isolate {nodes}{held}"
