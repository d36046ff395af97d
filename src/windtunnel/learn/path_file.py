"""Paths: what to do in which order, as data; what is done, open or locked, as a function of the evidence.

`paths/<id>.toml` has blocks of nodes. A node names an item (learn.items) and how many minutes it takes; the hours of a block
and of a path are stated, and must be the sums. A node that does not exist yet is marked `planned`, with its title: it is shown
as planned, it cannot be done, and it does not count towards the hours that are available.

A node is locked until everything that it needs is done: what the node itself says in `needs`, and what its lesson or lab
names as prerequisites. All needs of all paths together have no circle. An override (evidence with `override`) opens what
needs the item, and leaves the item itself undone. The format is described in docs/reference/paths.md.
"""

from __future__ import annotations

import functools
import graphlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.learn import items
from windtunnel.learn.progress import Progress
from windtunnel.learn.schema import Field, read

STATES = ("done", "open", "locked", "planned")


@dataclass(frozen=True, slots=True)
class Node:
    """A place on a path. `minutes` is the estimate; `title` is empty where the item has its own."""

    item: str
    minutes: int
    needs: tuple[str, ...] = ()
    optional: bool = False
    planned: bool = False
    title: str = ""

    @property
    def kind(self) -> str:
        """What its item is: lesson, lab, calc, decision ..."""
        return self.item.partition(":")[0]

    def found(self) -> items.Item | None:
        """Its item, or None for one that cannot be done (yet): planned, or of a catalogue that is not installed."""
        return None if self.planned or not items.exists(self.item) else items.find(self.item)

    def shown(self) -> str:
        """The title to show."""
        item = None if self.title else self.found()
        return item.title if item is not None else self.title or self.item

    def all_needs(self) -> tuple[str, ...]:
        """What must be done before: by the path, and by the lesson or lab itself."""
        item = self.found()
        own = item.prerequisites if item is not None else ()
        return tuple(dict.fromkeys((*self.needs, *own)))


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a path, usually two weeks. `hours` is stated, and is the sum of its nodes that are not optional."""

    id: str
    title: str
    hours: float
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node and where the learner is with it. `missing` is what keeps it locked."""

    node: Node
    state: str
    missing: tuple[str, ...] = ()
    attempts: int = 0

    def to_json(self) -> dict[str, Any]:
        """The node as JSON: what a page or a list shows."""
        node, item = self.node, self.node.found()
        return {
            "item": node.item,
            "kind": node.kind,
            "title": node.shown(),
            "minutes": node.minutes,
            "optional": node.optional,
            "planned": item is None,
            "needs": list(node.all_needs()),
            "state": self.state,
            "missing": list(self.missing),
            "attempts": self.attempts,
            "command": item.command if item is not None else "",
            "laws": list(item.laws) if item is not None else [],
        }


@dataclass(frozen=True, slots=True)
class Status:
    """A path against the evidence. Minutes leave optional nodes out; `available` leaves planned ones out too."""

    path: Path
    nodes: tuple[NodeState, ...]

    @property
    def done_minutes(self) -> int:
        """Minutes of estimate behind the learner."""
        return _sum(s.node for s in self.nodes if s.state == "done")

    @property
    def available_minutes(self) -> int:
        """Minutes that can be done today."""
        return _sum(s.node for s in self.nodes if s.state != "planned")

    @property
    def planned_minutes(self) -> int:
        """Minutes that are planned."""
        return _sum(s.node for s in self.nodes if s.state == "planned")

    @property
    def percent(self) -> float:
        """Done, of what is available, by minutes."""
        return 100 * self.done_minutes / self.available_minutes if self.available_minutes else 0.0

    @property
    def complete(self) -> bool:
        """Whether every node that is not optional is done. A path with planned nodes cannot be complete."""
        return all(s.state == "done" for s in self.nodes if not s.node.optional)

    def to_json(self) -> dict[str, Any]:
        """The status as JSON, block by block."""
        states = {s.node.item: s for s in self.nodes}
        return {
            **self.path.to_json(),
            "done_minutes": self.done_minutes,
            "available_minutes": self.available_minutes,
            "planned_minutes": self.planned_minutes,
            "percent": round(self.percent, 1),
            "complete": self.complete,
            "blocks": [
                {
                    "id": block.id,
                    "title": block.title,
                    "hours": block.hours,
                    "nodes": [states[node.item].to_json() for node in block.nodes],
                }
                for block in self.path.blocks
            ],
        }


@dataclass(frozen=True, slots=True)
class Path:
    """A path as its file says it. `weeks` is from and to."""

    id: str
    title: str
    summary: str
    objective: str
    why: str
    roles: tuple[str, ...]
    hours: float
    weeks: tuple[int, int]
    certificate: str
    outcomes: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, in order."""
        return tuple(node for block in self.blocks for node in block.nodes)

    @property
    def available_hours(self) -> float:
        """Hours of what can be done today: planned and optional nodes left out."""
        return _sum(node for node in self.nodes if node.found() is not None) / 60

    def node(self, item: str) -> Node:
        """The node of an item. Raises UsageError."""
        for node in self.nodes:
            if node.item == item:
                return node
        raise unknown(f"item of the path {self.id}", item, [node.item for node in self.nodes])

    def outside(self) -> tuple[str, ...]:
        """What its nodes need that is not on it: what its learner is expected to have done before."""
        mine = {node.item for node in self.nodes}
        return tuple(dict.fromkeys(need for node in self.nodes for need in node.all_needs() if need not in mine))

    def status(self, progress: Progress) -> Status:
        """Every node against the evidence."""
        done, skipped = progress.passed(), progress.overridden()
        attempts: dict[str, int] = {}
        for e in progress.evidence:
            attempts[e.item] = attempts.get(e.item, 0) + 1
        found = []
        for node in self.nodes:
            missing = tuple(need for need in node.all_needs() if need not in done and need not in skipped)
            if node.found() is None:
                state = "planned"
            elif node.item in done:
                state = "done"
            else:
                state = "locked" if missing else "open"
            found.append(NodeState(node, state, missing, attempts.get(node.item, 0)))
        return Status(self, tuple(found))

    def next(self, progress: Progress) -> NodeState | None:
        """The first node that is open and not optional; None when nothing is left that can be done."""
        states = self.status(progress).nodes
        return next((s for s in states if s.state == "open" and not s.node.optional), None)

    def waits_for(self, progress: Progress) -> tuple[str, ...]:
        """What its locked nodes lack and the path itself does not have: why `next` may be None although nodes are left."""
        mine = {node.item for node in self.nodes}
        missing = (need for s in self.status(progress).nodes if s.state == "locked" for need in s.missing)
        return tuple(dict.fromkeys(need for need in missing if need not in mine))

    def to_json(self) -> dict[str, Any]:
        """What a card shows."""
        names = ("id", "title", "summary", "objective", "why", "roles", "hours", "weeks", "certificate", "outcomes")
        return {name: getattr(self, name) for name in names} | {"available_hours": round(self.available_hours, 2)}


_PATH = (
    Field("id", str),
    Field("title", str),
    Field("summary", str),
    Field("objective", str),
    Field("why", str),
    Field("roles", list, item=str),
    Field("hours", float),
    Field("weeks", list, item=int),
    Field("certificate", str, default=""),
    Field("outcomes", list, item=str),
    Field("blocks", list, item=dict),
)
_BLOCK = (Field("id", str), Field("title", str), Field("hours", float), Field("nodes", list, item=dict))
_NODE = (
    Field("item", str),
    Field("minutes", int),
    Field("needs", list, item=str, default=[]),
    Field("optional", bool, default=False),
    Field("planned", bool, default=False),
    Field("title", str, default=""),
)


def parse(text: str, file: str) -> Path:
    """The path in `text`. Raises UsageError: fields, an item twice, hours that are not the sum, a planned node without title."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file}: not TOML: {error}") from None
    values = read(table, _PATH, file)
    blocks = tuple(_block(row, f"{file}: block {i}") for i, row in enumerate(values.pop("blocks"), 1))
    weeks = values.pop("weeks")
    if len(weeks) != 2 or not 0 < weeks[0] <= weeks[1]:
        raise UsageError(f"{file}: weeks: expected [from, to]; got {weeks}")
    roles, outcomes = tuple(values.pop("roles")), tuple(values.pop("outcomes"))
    path = Path(**values, weeks=(weeks[0], weeks[1]), roles=roles, outcomes=outcomes, blocks=blocks)
    names = [node.item for node in path.nodes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{file}: {twice[0]} stands on the path twice")
    _same_hours(path.hours, path.nodes, file)
    return path


def _block(row: Mapping[str, Any], where: str) -> Block:
    values = read(row, _BLOCK, where)
    nodes = tuple(_node(node, f"{where}: node {i}") for i, node in enumerate(values["nodes"], 1))
    _same_hours(values["hours"], nodes, where)
    return Block(values["id"], values["title"], values["hours"], nodes)


def _node(row: Mapping[str, Any], where: str) -> Node:
    values = read(row, _NODE, where)
    node = Node(**values | {"needs": tuple(values["needs"])})
    if node.kind not in items.KINDS:
        raise UsageError(f"{where}: {unknown('kind of item', node.kind, items.KINDS)}")
    if node.minutes <= 0:
        raise UsageError(f"{where}: minutes: expected more than 0; got {node.minutes}")
    if node.planned and not node.title:
        raise UsageError(f"{where}: {node.item} is planned: it needs a title of its own")
    return node


def _same_hours(stated: float, nodes: Iterable[Node], where: str) -> None:
    minutes = _sum(nodes)
    if round(stated * 60) != minutes:
        raise UsageError(f"{where}: hours: {stated:g} are stated, its nodes sum up to {minutes / 60:g}")


def _sum(nodes: Iterable[Node]) -> int:
    return sum(node.minutes for node in nodes if not node.optional)


ORDER = ("beginner", "practitioner", "architect", "leader")
"""The main paths come first, in this order; the others by name."""


@functools.cache
def paths() -> dict[str, Path]:
    """All paths that are shipped, by id. Raises UsageError for a circle of needs among the paths themselves."""
    folder = resources.files("windtunnel.learn") / "paths"
    found = {}
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            made = parse(file.read_text(encoding="utf-8"), f"paths/{file.name}")
            if f"{made.id}.toml" != file.name:
                raise UsageError(f"paths/{file.name}: the id is {made.id!r}: the file must be named after it")
            found[made.id] = made
    rank = {name: i for i, name in enumerate(ORDER)}
    ordered = dict(sorted(found.items(), key=lambda pair: (rank.get(pair[0], len(rank)), pair[0])))
    acyclic({node.item: node.needs for made in ordered.values() for node in made.nodes})
    return ordered


def path(name: str) -> Path:
    """A path by its id. Raises UsageError."""
    found = paths()
    if name not in found:
        raise unknown("path", name, found)
    return found[name]


def acyclic(needs: Mapping[str, Iterable[str]]) -> None:
    """Nothing. Raises UsageError that shows the circle, if there is one."""
    try:
        tuple(graphlib.TopologicalSorter(needs).static_order())
    except graphlib.CycleError as error:
        raise UsageError(f"prerequisites go in a circle: {' needs '.join(reversed(error.args[1]))}") from None


def problems() -> list[str]:
    """What is wrong with the shipped paths beyond their schema: items that do not exist, needs that no path has, circles."""
    found = []
    needs: dict[str, tuple[str, ...]] = {}
    for made in paths().values():
        for node in made.nodes:
            if not node.planned and not items.exists(node.item):
                found.append(f"{made.id}: {node.item} does not exist")
                continue
            needs[node.item] = tuple(dict.fromkeys((*needs.get(node.item, ()), *node.all_needs())))
    for item, wanted in needs.items():
        found += [f"{item} needs {need}, which is on no path" for need in wanted if need not in needs]
    try:
        acyclic(needs)
    except UsageError as error:
        found.append(str(error))
    return found
