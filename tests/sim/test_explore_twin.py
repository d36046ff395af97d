"""The fast search against a slow and simple one: same states, same transitions, on systems of the catalogue.

The slow one copies the whole world for every step, tells states apart by text, and lets a node die by raising in the middle
of its handler. It shares no code with the fast one.
"""

import copy
import dataclasses
from collections import deque

import pytest

from windtunnel.base.interface import Op, Request
from windtunnel.base.system import Setup
from windtunnel.sim.explore import explore
from windtunnel.systems.commit import two_phase_commit

# Monitors remember, and their memory is part of a fast state; the slow search has predicates only.
TWO_PHASE_COMMIT = dataclasses.replace(
    two_phase_commit.SYSTEM, always=tuple(prop for prop in two_phase_commit.SYSTEM.always if prop.predicate)
)


class Died(Exception):  # noqa: N818
    """The node dies here."""


class Outbox:
    """Acts on the world at once; dies after `lives` sends and records."""

    def __init__(self, world, me):
        self.world, self.me, self.lives = world, me, None

    def _count(self):
        if self.lives == 0:
            raise Died
        if self.lives is not None:
            self.lives -= 1

    def send(self, dst, message):
        self._count()
        if dst in self.world.disks:
            self.world.flight.add((self.me, dst, message))

    def persist(self, record):
        self._count()
        self.world.disks[self.me].append(record)

    def set_timer(self, name, delay_s):
        self.world.timers.add((self.me, name))

    def cancel_timer(self, name):
        self.world.timers.discard((self.me, name))

    def reply(self, client, message):
        """Nobody listens."""


class World:
    """All that there is; copied whole."""

    def __init__(self, system, size, crashes):
        self.system, self.names, self.crashes = system, system.nodes(size), crashes
        self.flight, self.timers = set(), set()
        self.disks = {name: [] for name in self.names}
        self.cores = {}

    def boot(self, name, lives=None):
        out = Outbox(self, name)
        out.lives = lives
        setup = Setup(
            me=name,
            nodes=self.names,
            out=out,
            records=tuple(self.disks[name]),
            safeguards=self.system.safeguards(),
            options=self.system.options(),
        )
        self.cores[name] = self.system.build(setup)
        self.cores[name].on_start()

    def die(self, name):
        del self.cores[name]
        self.timers = {timer for timer in self.timers if timer[0] != name}

    def text(self):
        cores = {
            name: sorted((key, show(value)) for key, value in vars(core).items() if key != "out")
            for name, core in self.cores.items()
        }
        return repr(
            (sorted(cores.items()), sorted(map(repr, self.flight)), sorted(self.timers), sorted(self.disks.items()), self.crashes)
        )


def show(value):
    if isinstance(value, set):
        return sorted(map(show, value))
    if isinstance(value, dict):
        return sorted((key, show(item)) for key, item in value.items())
    if hasattr(value, "__slots__") and hasattr(value, "yes") and hasattr(value, "client"):
        return value.client, show(value.yes)
    return repr(value)


def events(world):
    """Every event that is possible now: a node and how it happens on a copy of the world."""
    for envelope in sorted(world.flight, key=repr):
        src, dst, message = envelope

        def deliver(copied, lives, envelope=envelope, src=src, dst=dst, message=message):
            copied.flight.discard(envelope)
            if dst in copied.cores:
                copied.cores[dst].out.lives = lives
                copied.cores[dst].on_message(src, message)

        yield dst, deliver
    for me, name in sorted(world.timers):

        def fire(copied, lives, me=me, name=name):
            copied.timers.discard((me, name))
            copied.cores[me].out.lives = lives
            copied.cores[me].on_timer(name)

        yield me, fire
    for name in world.names:
        if name not in world.cores:
            yield name, lambda copied, lives, name=name: copied.boot(name, lives)


def steps(world):
    """Every world that one step leads to."""
    for me, happen in events(world):
        whole = copy.deepcopy(world)
        happen(whole, None)
        if me in whole.cores:
            whole.cores[me].out.lives = None
        yield whole
        for lives in range(1, 9 if world.crashes else 0):
            dead = copy.deepcopy(world)
            dead.crashes -= 1
            try:
                happen(dead, lives)
            except Died:
                dead.die(me)
                yield dead
            else:
                break
    if world.crashes:
        for name in sorted(world.cores):
            dead = copy.deepcopy(world)
            dead.crashes -= 1
            dead.die(name)
            yield dead


def count(system, size, requests, crashes):
    """The number of distinct states."""
    first = World(system, size, crashes)
    for name in first.names:
        first.boot(name)
    entry = system.entry(first.names)
    for i, op in enumerate(requests):
        first.flight.add((f"c{i + 1}", entry[i % len(entry)], Request(f"c{i + 1}", 1, op)))
    waiting, known = deque([first]), {first.text()}
    while waiting:
        for world in steps(waiting.popleft()):
            text = world.text()
            if text not in known:
                known.add(text)
                waiting.append(world)
    return len(known)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "votes", "crashes"),
    [(2, (True,), 2), (3, (True, True), 0), (3, (True, False), 1), (3, (False, True), 1), (4, (True, False, False), 0)],
)
def test_both_find_the_same_number_of_states(size, votes, crashes):
    """With and without crashes between effects."""
    requests = (Op("txn", value=votes),)
    fast = explore(TWO_PHASE_COMMIT, size=size, requests=requests, crashes=crashes)
    assert fast.verdict == "valid"
    assert fast.states == count(TWO_PHASE_COMMIT, size, requests, crashes)
