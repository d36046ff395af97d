"""Generators that nobody seeded: `random.Random()` takes its state from the operating system, unless it is made on a host.

Many are made while modules are imported, before any simulation: a default argument, a global. They would make two runs of one
seed differ. So every unseeded generator is noted, and a run that begins seeds those that are still there from its own seed, each
by the place in the code that made it. The earlier `watch` is called, the more of them are known; it is cheap.

What was made before that is looked for once, by `find`: in globals, classes and default arguments of modules that were installed,
not of the user's own, whose generators may have been seeded on purpose.
"""

from __future__ import annotations

import random
import sys
import sysconfig
import weakref
from pathlib import Path
from types import FunctionType
from typing import Any

from windtunnel.base.streams import stream_state

_RANDOM = random.__file__
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_PARTS = 3  # of a path, from its end: what is above differs between machines

_noted: dict[int, tuple[weakref.ref[random.Random], str]] = {}
_made: dict[str, int] = {}  # how many at each place
_before: dict[int, Any] = {}  # states outside of the run that is on
_inside: dict[int, Any] = {}  # states in the run that was on last
_original: Any = random.Random.seed
_watching = False
_found = False


def watch() -> None:
    """Note unseeded generators from now on; no effect when it was done."""
    global _watching  # noqa: PLW0603 - one class of generators in one process
    if not _watching:
        _watching = True
        random.Random.seed = _seed  # type: ignore[method-assign]


def unwatch() -> None:
    """Undo `watch`; what was noted is forgotten."""
    global _watching, _found  # noqa: PLW0603
    _watching = _found = False
    random.Random.seed = _original  # type: ignore[method-assign]
    for remembered in (_noted, _made, _before, _inside):
        remembered.clear()


def find() -> None:
    """Note the generators that installed modules keep already; no effect when it was done."""
    global _found  # noqa: PLW0603
    if _found:
        return
    _found = True
    for name, module in list(sys.modules.items()):
        if _installed(module):
            for label, value in list(vars(module).items()):
                if type(value) is random.Random:
                    _keep(value, f"{name}.{label}")
                elif type(value) is FunctionType:
                    if value.__module__ == name:
                        _look_into(value, f"{name}.{label}")
                elif isinstance(value, type) and value.__module__ == name:
                    for inner, item in list(vars(value).items()):
                        plain = item.__func__ if type(item) in (staticmethod, classmethod) else item  # lazy items wake when asked
                        _look_into(plain, f"{name}.{label}.{inner}")


def _look_into(item: Any, label: str) -> None:
    if type(item) is random.Random:
        _keep(item, label)
    elif isinstance(item, FunctionType) and (item.__defaults__ or item.__kwdefaults__):
        values = [*enumerate(item.__defaults__ or ()), *(item.__kwdefaults__ or {}).items()]
        for at, value in values:
            if type(value) is random.Random:
                _keep(value, f"{label}({at})")


def _installed(module: Any) -> bool:
    space = getattr(module, "__dict__", None)  # asking a lazy module for anything else would import what it stands for
    file = space.get("__file__") if type(space) is dict else None
    return isinstance(file, str) and file.startswith(_INSTALLED)


def _keep(generator: random.Random, label: str) -> None:
    key = id(generator)
    if generator is not random._inst and key not in _noted:  # noqa: SLF001 - the generator behind the module's functions
        _noted[key] = (weakref.ref(generator, lambda _: _forget(key)), label)


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
        _forget(id(self))
        _keep(self, f"{label}/{count}")
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
