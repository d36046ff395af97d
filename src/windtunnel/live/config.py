"""What the world tells a node process: one JSON file per node and boot, and lines on a pipe while it runs."""

from __future__ import annotations

import importlib

import msgspec

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import NodeId
from windtunnel.base.system import System


class NodeConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Everything that a node process is started with.

    loader: "module:function", called with the system's name to find it, because the live world does not know the catalogue.
    life: which boot this is, from 0. safeguards, options: as JSON of the system's own types. wal: the file of its records, or
    None for a node that keeps them in memory only. threaded: sync in a thread from the start. parent: the process id of the
    world, with which the node dies.
    """

    me: NodeId
    nodes: tuple[NodeId, ...]
    system: str
    loader: str
    host: str
    port: int
    peers: dict[NodeId, tuple[str, int]]
    wal: str | None
    seed: int
    life: int
    safeguards: msgspec.Raw
    options: msgspec.Raw
    parent: int
    threaded: bool = False
    loop: str = "auto"


def load_system(loader: str, name: str) -> System:
    """The system `name`, asked of the function that `loader` names. Raises UsageError when there is no such function."""
    module_name, _, function_name = loader.partition(":")
    try:
        find = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"expected a loader like 'package.module:function'; got {loader!r}: {error}") from error
    system = find(name)
    assert isinstance(system, System), f"{loader} gave a {type(system).__name__} for {name!r}"
    return system
