"""The nemesis: carries out a plan on a world and remembers what is open.

Faults may overlap, while the verbs of a world do not nest: `heal` mends every link, `restart` boots a node whoever crashed
it. So the nemesis keeps the open faults and, when one ends, undoes only what no other still demands. It also remembers what
"leader" meant when a fault began: the same node is restarted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from windtunnel.base.messages import NodeId
from windtunnel.base.world import Done, World
from windtunnel.faults.plan import ALL, LEADER, OTHERS, Fault, Plan, Step
from windtunnel.faults.shapes import links

Call = Callable[[], Done]


class Nemesis:
    """One plan on one world.

    rows: the faults that have begun, as `results.json` lists them, with "leader" resolved. Raises UsageError if the plan names
    a node that the world does not have.

        nemesis = Nemesis(world, plan)
        for step in plan.steps():
            world.at(step.at_s, nemesis.act, step)
    """

    def __init__(self, world: World, plan: Plan) -> None:
        plan.check(world.nodes)
        self.rows: list[dict[str, Any]] = []
        self._world = world
        self._open: dict[int, Fault] = {}

    def act(self, step: Step) -> Fault:
        """Begin or end a fault now, in a world whose verbs return at once; returns the fault with its nodes resolved."""
        fault, calls = self._prepare(step)
        for call in calls:
            done = call()
            assert done is None, f"{step.fault.verb} must be awaited in this world: use act_live"
        return fault

    async def act_live(self, step: Step) -> Fault:
        """The same in a world whose verbs are coroutines."""
        fault, calls = self._prepare(step)
        for call in calls:
            done = call()
            if done is not None:
                await done
        return fault

    def _prepare(self, step: Step) -> tuple[Fault, Iterator[Call]]:
        if step.opens:
            fault = self._resolved(step.fault)
            self._open[step.index] = fault
            self.rows.append(_row(fault, step.fault))
            return fault, self._beginning(fault)
        fault = self._open.pop(step.index)
        return fault, self._ending(fault)

    # --- Who is meant ---

    def _resolved(self, fault: Fault) -> Fault:
        args = dict(fault.args)
        for name in ("nodes", "to"):
            if name in args:
                args[name] = self._names(args[name], args.get("nodes", []))
        if "groups" in args:
            named = [name for group in args["groups"] for name in self._names([a for a in group if a != OTHERS], [])]
            args["groups"] = [self._names(group, named) for group in args["groups"]]
        return Fault(fault.at_s, fault.verb, args, fault.until_s)

    def _names(self, addresses: list[str], apart: list[NodeId]) -> list[NodeId]:
        names: list[NodeId] = []
        for address in addresses:
            if address == LEADER:
                names.append(self._leader())
            elif address == ALL:
                names += self._world.nodes
            elif address == OTHERS:
                names += [node for node in self._world.nodes if node not in apart]
            else:
                names.append(address)
        return list(dict.fromkeys(names))

    def _leader(self) -> NodeId:
        """Who leads now; when nobody does, the first running node, so that the fault still hits somebody."""
        nodes = self._world.nodes
        return self._world.leader() or next((node for node in nodes if self._world.running(node)), nodes[0])

    # --- What the world is asked to do ---

    def _beginning(self, fault: Fault) -> Iterator[Call]:
        world, args = self._world, fault.args
        if fault.verb == "cut":
            yield lambda: world.cut(links(args, world.nodes), hold=args.get("hold", False))
        elif fault.verb == "weather":
            yield self._weather
        else:
            for node in args["nodes"]:
                yield self._call(fault, node)

    def _ending(self, fault: Fault) -> Iterator[Call]:
        world = self._world
        if fault.verb == "cut":
            yield world.heal
            for other in self._still("cut"):
                yield from self._beginning(other)
        elif fault.verb == "weather":
            yield self._weather
        else:
            for node in fault.args["nodes"]:
                yield from self._relief(fault.verb, node)

    def _call(self, fault: Fault, node: NodeId, *, jump: bool = True) -> Call:
        world, args = self._world, fault.args
        match fault.verb:
            case "crash":
                return lambda: world.crash(node)
            case "pause":
                return lambda: world.pause(node)
            case "skew":
                offset_s = args.get("offset_s", 0.0) if jump else 0.0
                return lambda: world.skew(node, offset_s=offset_s, drift=args.get("drift", 0.0))
            case _:
                return lambda: world.disk(node, args["mode"], sync_s=args.get("sync_s", 0.0))

    def _relief(self, verb: str, node: NodeId) -> Iterator[Call]:
        """What ends `verb` on `node`, as far as no other open fault demands it."""
        world = self._world
        others = [fault for fault in self._still(verb) if node in fault.args["nodes"]]
        if verb == "crash":
            if not others:
                yield lambda: world.restart(node)
        elif verb == "pause":
            if not others:
                yield lambda: world.resume(node)
        elif verb == "skew":
            yield self._call(others[-1], node, jump=False) if others else (lambda: world.skew(node))
        else:
            yield lambda: world.disk(node, "ok")
            for other in others:
                yield self._call(other, node)

    def _still(self, verb: str) -> list[Fault]:
        return [fault for fault in self._open.values() if fault.verb == verb]

    def _weather(self) -> Done:
        """All open weather at once: independent causes of loss and repetition combine, delays add up."""
        kept = once = 1.0
        slow_s = 0.0
        for fault in self._still("weather"):
            kept *= 1.0 - fault.args.get("drop", 0.0)
            once *= 1.0 - fault.args.get("duplicate", 0.0)
            slow_s += fault.args.get("slow_s", 0.0)
        return self._world.weather(drop=1.0 - kept, duplicate=1.0 - once, slow_s=slow_s)


def _row(fault: Fault, asked: Fault) -> dict[str, Any]:
    """The row of a begun fault; its words say when it was aimed at the leader, whoever that was."""
    row = fault.row()
    if LEADER in [*asked.args.get("nodes", ()), *asked.args.get("to", ())]:
        row["text"] += " (leader)"
    return row
