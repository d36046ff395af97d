"""States of nodes, as they travel from a node process to the world: pickled, since both ends run the same code.

Two sizes. The *visible* state is small and asked for all the time: public numbers, texts, booleans and enumeration members,
enough to say who leads. The whole core is asked for when a property must be judged: a copy of everything but its outbox.
"""

from __future__ import annotations

import base64
import enum
import io
import pickle
from typing import Any

from windtunnel.base.outbox import RecordingOutbox

_OUTBOX = "outbox"


class _Pickler(pickle.Pickler):
    """Leaves out one object: the outbox, which is this process's own."""

    def __init__(self, file: io.BytesIO, hidden: object) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._hidden = hidden

    def persistent_id(self, obj: object) -> str | None:
        """Named, not copied."""
        return _OUTBOX if obj is self._hidden and obj is not None else None


class _Unpickler(pickle.Unpickler):
    """Puts an outbox that leads nowhere in its place."""

    def persistent_load(self, pid: object) -> object:
        """The stand-in."""
        assert pid == _OUTBOX, f"a state refers to {pid!r}"
        return RecordingOutbox()


def freeze(state: object, *, hidden: object = None) -> str:
    """`state` as text, without the object `hidden`. Raises what pickle raises for a state that cannot be copied."""
    file = io.BytesIO()
    _Pickler(file, hidden).dump(state)
    return base64.b64encode(file.getvalue()).decode()


def thaw(text: str) -> Any:
    """The state again. Only for texts of our own child processes: unpickling runs whatever it is told to."""
    return _Unpickler(io.BytesIO(base64.b64decode(text))).load()


def visible(state: Any) -> dict[str, Any]:
    """The public scalar fields of a node's state: numbers, texts, booleans, None, and members of enumerations."""
    if isinstance(state, dict):
        fields = state
    else:
        names = [name for kind in type(state).__mro__ for name in getattr(kind, "__slots__", ()) if isinstance(name, str)]
        fields = {name: getattr(state, name) for name in names if hasattr(state, name)} | getattr(state, "__dict__", {})
    return {
        name: value
        for name, value in fields.items()
        if isinstance(name, str) and not name.startswith("_") and isinstance(value, bool | int | float | str | enum.Enum | None)
    }
