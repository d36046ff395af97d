"""Generators that nobody seeded: `random.Random()` takes its state from the operating system, unless it is made on a host.

Many are made while modules are imported, before any simulation: a default argument, a global. They would make two runs of one
seed differ. So every unseeded generator is noted, and a run that begins seeds those that are still there from its own seed, each
by the place in the code that made it. The earlier `watch` is called, the more of them are known; it is cheap.
"""

from __future__ import annotations

import random
import sys
import weakref
from pathlib import Path
from typing import Any

from windtunnel.base.streams import stream_state

_RANDOM = random.__file__
_PARTS = 3  # of a path, from its end: what is above differs between machines

_noted: dict[int, tuple[weakref.ref[random.Random], str]] = {}
_made: dict[str, int] = {}  # how many at each place
_before: dict[int, Any] = {}  # states outside of the run that is on
_inside: dict[int, Any] = {}  # states in the run that was on last
_original: Any = random.Random.seed
_watching = False


def watch() -> None:
    """Note unseeded generators from now on; no effect when it was done."""
    global _watching  # noqa: PLW0603 - one class of generators in one process
    if not _watching:
        _watching = True
        random.Random.seed = _seed  # type: ignore[method-assign]


def unwatch() -> None:
    """Undo `watch`; what was noted is forgotten."""
    global _watching  # noqa: PLW0603
    _watching = False
    random.Random.seed = _original  # type: ignore[method-assign]
    for remembered in (_noted, _made, _before, _inside):
        remembered.clear()


def enter(kernel: Any) -> None:
    """The run of `kernel` begins, or goes on: every generator that is known gets the state that it has in this run."""
    if kernel is None:
        return
    if not kernel.events:
        _inside.clear()
    for key, (reference, label) in list(_noted.items()):
        generator = reference()
        if generator is None:
            continue
        _before[key] = random.Random.getstate(generator)  # of whatever subclass it is
        state = _inside.get(key)
        if state is None:
            _original(generator, _state(kernel.seed, label))
        else:
            random.Random.setstate(generator, state)


def leave() -> None:
    """The run ends, or pauses: the generators that were there before it get the states back that they had then."""
    for key, state in _before.items():
        reference, _ = _noted.get(key, (_nobody, ""))
        generator = reference()
        if generator is not None:
            _inside[key] = random.Random.getstate(generator)
            random.Random.setstate(generator, state)
    _before.clear()


def _seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    """As `random.Random.seed`."""
    from windtunnel.sim.ambient.switch import acting  # noqa: PLC0415 - that module imports this one

    if self is random._inst:  # noqa: SLF001 - the generator behind the module's functions
        _original(self, a, version)
        return
    if a is None:
        label = _place()
        _made[label] = count = _made.get(label, 0) + 1
        key = id(self)
        _noted[key] = (weakref.ref(self, lambda _: _forget(key)), f"{label}/{count}")
        host = acting()
        if host is not None:
            a = host.entropy.seed128()
    else:
        _forget(id(self))
    _original(self, a, version)


def _forget(key: int) -> None:
    _noted.pop(key, None)
    _inside.pop(key, None)


def _nobody() -> None:
    """What a reference to a generator that is gone gives."""


def _place() -> str:
    """The end of the path, and the line, of whoever makes a generator."""
    frame: Any = sys._getframe(2)  # noqa: SLF001 - the documented way to one's caller
    while frame is not None and frame.f_code.co_filename == _RANDOM:
        frame = frame.f_back
    if frame is None:
        return "nowhere"
    return f"{'/'.join(Path(frame.f_code.co_filename).parts[-_PARTS:])}:{frame.f_lineno}"


def _state(seed: int, label: str) -> int:
    a, b, c, d = stream_state(seed, f"generator/{label}")
    return a | b << 64 | c << 128 | d << 192
