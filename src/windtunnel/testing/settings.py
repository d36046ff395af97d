"""What is chosen for a campaign: by a mark, by options of the command line, by keywords of `check`."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from windtunnel.base.errors import UsageError, unknown

SEEDS = 200
POLICIES = ("fifo", "random", "pct")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The choices of one campaign. Each field is a keyword of the mark and of `check`; `metadata` says what it means."""

    seeds: Sequence[int] = field(default=range(1, SEEDS + 1), metadata={"what": "how many (1..N), or which: a range or a list"})
    faults: tuple[str, ...] = field(
        default=(), metadata={"what": 'profiles, such as "partition,crash:2"; see the reference of faults'}
    )
    policy: str = field(default="fifo", metadata={"what": "which of several due callbacks runs first: fifo, random or pct"})
    for_s: float | None = field(
        default=None, metadata={"what": "virtual seconds over which faults are drawn; None: twice as long as a quiet run takes"}
    )
    twice: bool = field(default=False, metadata={"what": "run every seed twice, under other addresses, and compare"})
    jobs: int | None = field(
        default=None, metadata={"what": "children at a time; None: as many as there are cores, one inside a worker of xdist"}
    )
    shrink: bool = field(default=True, metadata={"what": "look for the smallest fault plan that still fails"})
    shrink_s: float = field(default=10.0, metadata={"what": "real seconds that shrinking may take"})
    keep_going: bool = field(default=False, metadata={"what": "run all seeds, even after a failure"})
    wall_s: float = field(default=60.0, metadata={"what": "real seconds that one seed may take before its process is killed"})
    step_wall_s: float = field(
        default=5.0,
        metadata={"what": "real seconds that one step, from one await to the next, may take before it counts as endless"},
    )
    still_steps: int = field(
        default=500_000, metadata={"what": "events at one virtual instant that count as a livelock: time stands still"}
    )
    limit_s: float = field(default=3600.0, metadata={"what": "virtual seconds after which a run counts as never ending"})
    plan: tuple[Mapping[str, Any], ...] | None = field(
        default=None, metadata={"what": "the faults themselves, as rows, instead of drawing them"}
    )

    def changed(self, **changes: Any) -> Settings:
        """The same with other values; each is checked. Raises UsageError that names the field and what was expected."""
        known = {f.name for f in dataclasses.fields(self)}
        for name in changes:
            if name not in known:
                raise unknown("argument", name, sorted(known))
        checked = {name: _CHECKS[name](value) for name, value in changes.items()}
        return dataclasses.replace(self, **checked)


def cores() -> int:
    """How many children make sense at a time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# --- Checking values ---


def seeds_of(value: Any) -> Sequence[int]:
    """`200` is 1..200, `"5..9"` is 5..9; a range or a list is taken as it is. Raises UsageError for anything else."""
    if isinstance(value, str):
        first, dots, last = value.partition("..")
        try:
            value = range(int(first), int(last) + 1) if dots else int(value)
        except ValueError:
            raise UsageError(f"seeds: expected a number such as 200, or a range such as 5..9; got {value!r}") from None
    if isinstance(value, bool) or not isinstance(value, int | Iterable):
        raise UsageError(f"seeds: expected a number, a range or a list of numbers; got {value!r}")
    chosen = range(1, value + 1) if isinstance(value, int) else value if isinstance(value, range) else tuple(dict.fromkeys(value))
    if not all(isinstance(seed, int) and not isinstance(seed, bool) for seed in ([] if isinstance(chosen, range) else chosen)):
        raise UsageError(f"seeds: expected whole numbers; got {value!r}")
    if not chosen:
        raise UsageError(f"seeds: a campaign needs at least one; got {value!r}")
    return chosen


def faults_of(value: Any) -> tuple[str, ...]:
    """Names of profiles, from `"partition,crash"` or a list. Raises UsageError for one that does not exist."""
    from windtunnel.faults.profiles import intensities  # noqa: PLC0415 - most sessions have no test of ours

    if value is None:
        return ()
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, Iterable) or not all(isinstance(word, str) for word in words):
        raise UsageError(f'faults: expected names such as "partition,crash"; got {value!r}')
    names = tuple(word.strip() for word in words if word.strip() and word.strip() != "none")
    intensities(names)
    return names


def policy_of(value: Any) -> str:
    """A schedule policy. Raises UsageError for one that does not exist."""
    if value not in POLICIES:
        raise unknown("policy", str(value), POLICIES)
    return str(value)


def plan_of(value: Any) -> tuple[Mapping[str, Any], ...] | None:
    """Rows of a fault plan, checked."""
    from windtunnel.faults import Plan  # noqa: PLC0415 - as above

    return None if value is None else tuple(Plan.from_rows(value).to_rows())


def _seconds(name: str) -> Any:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise UsageError(f"{name}: expected seconds above 0; got {value!r}")
        return float(value)

    return check


def _flag(name: str) -> Any:
    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise UsageError(f"{name}: expected True or False; got {value!r}")
        return value

    return check


def _jobs(value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise UsageError(f"jobs: expected a number of processes, at least 1; got {value!r}")
    return value


def _still_steps(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"still_steps: expected a number of events, at least 1; got {value!r}")
    return value


def _for_s(value: Any) -> float | None:
    return None if value is None else float(_seconds("for_s")(value))


_CHECKS: dict[str, Any] = {
    "seeds": seeds_of,
    "faults": faults_of,
    "policy": policy_of,
    "for_s": _for_s,
    "twice": _flag("twice"),
    "jobs": _jobs,
    "shrink": _flag("shrink"),
    "shrink_s": _seconds("shrink_s"),
    "keep_going": _flag("keep_going"),
    "wall_s": _seconds("wall_s"),
    "limit_s": _seconds("limit_s"),
    "step_wall_s": _seconds("step_wall_s"),
    "still_steps": _still_steps,
    "plan": plan_of,
}
