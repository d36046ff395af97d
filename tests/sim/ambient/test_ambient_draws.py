"""Random, secret and unique things on hosts."""

import gc
import os
import random
import secrets
import ssl
import sys
import types
import uuid
from os import urandom as early_urandom
from pathlib import Path
from random import gauss as early_gauss
from random import randint as early_randint
from random import random as early_random

import pytest

from windtunnel.sim import ambient
from windtunnel.sim.ambient import generators

AT_IMPORT = random.Random(5)


def everything():
    """One draw from each source that Python has."""
    return [
        random.random(),
        early_random(),
        random.getrandbits(100),
        random.randint(0, 10**9),
        early_randint(0, 10**9),
        random.choice(range(10**9)),
        random.sample(range(10**6), 3),
        random.gauss(0.0, 1.0),
        early_gauss(0.0, 1.0),
        random.randbytes(5),
        random.Random().random(),
        random.SystemRandom().random(),
        secrets.token_hex(8),
        secrets.randbelow(10**9),
        os.urandom(9),
        early_urandom(9),
        os.getrandom(9),
        ssl.RAND_bytes(9),
        str(uuid.uuid4()),
        str(uuid.uuid1()),
        uuid.getnode(),
    ]


def test_the_same_seed_gives_the_same_draws(simulations):
    """Every source, twice; another seed gives others, and so does another host of the same run."""
    first, again, other = simulations(3), simulations(3), simulations(4)
    drawn = first.run(first.host("a"), everything)
    assert drawn == again.run(again.host("a"), everything)
    different = other.run(other.host("a"), everything)
    assert [one for one, two in zip(drawn, different, strict=True) if one == two] == [drawn[-1]]  # the node number has no seed
    neighbour = first.run(first.host("b"), everything)
    assert not [one for one, two in zip(drawn, neighbour, strict=True) if one == two]


def test_the_real_world_has_its_own_randomness(sim, host):
    """A run does not disturb the generator of the process, and is not disturbed by it."""
    random.seed(11)
    expected = [random.random(), random.gauss(0.0, 1.0), random.gauss(0.0, 1.0), random.random()]
    random.seed(11)
    got = [random.random(), random.gauss(0.0, 1.0)]
    drawn = sim.run(host, lambda: [random.random(), random.gauss(0.0, 1.0), random.seed(1), random.random()])
    got += [random.gauss(0.0, 1.0), random.random()]
    assert got == expected
    assert not set(drawn) & set(expected)
    assert os.urandom(8) != os.urandom(8)


def test_seeding_on_a_host_is_that_hosts_affair(sim):
    """`random.seed`, `getstate` and `setstate` work on the host's generator, and only there."""
    a, b = sim.host("a"), sim.host("b")

    def seeded():
        random.seed(42)
        state = random.getstate()
        drawn = [random.random(), random.gauss(0.0, 1.0), random.getrandbits(9)]
        random.setstate(state)
        assert drawn == [random.random(), random.gauss(0.0, 1.0), random.getrandbits(9)]
        return drawn

    reference = random.Random(42)
    assert sim.run(a, seeded) == [reference.random(), reference.gauss(0.0, 1.0), reference.getrandbits(9)]
    assert sim.run(b, random.random) != reference.random()
    assert sim.run(b, seeded) == sim.run(a, seeded)


def test_seeding_without_a_seed_is_drawn(simulations):
    """`random.seed()` on a host takes the host's entropy."""
    first, again = simulations(3), simulations(3)

    def work():
        random.seed()
        return random.random()

    drawn = first.run(first.host("a"), work)
    assert drawn == again.run(again.host("a"), work) != random.random()


def test_a_seeded_generator_is_left_alone(sim, host):
    """`Random(seed)` is deterministic already, wherever it was made."""
    state = AT_IMPORT.getstate()
    expected = AT_IMPORT.random()
    AT_IMPORT.setstate(state)
    assert sim.run(host, AT_IMPORT.random) == expected
    assert sim.run(host, lambda: random.Random(1).random()) == random.Random(1).random()


def test_a_restarted_process_draws_anew(sim, host):
    """The `random` module of the next life of a host does not go on where the last one stopped."""
    first = sim.run(host, lambda: [random.random(), random.random()])
    host.crash()
    host.start()
    second = sim.run(host, lambda: [random.random(), random.random()])
    assert not set(first) & set(second)


def test_generators_made_before_a_run_are_seeded_by_it(simulations):
    """An unseeded generator that a module made at its import draws the same in every run of a seed, and is itself afterwards."""
    generators.watch()
    unseeded = random.Random()
    before = unseeded.getstate()

    def drawn(seed, draw=unseeded.random):
        made = simulations(seed)
        return [made.run(made.host(name), draw) for name in "ab"]

    first = drawn(3)
    assert unseeded.getstate() == before
    assert first == drawn(3) != drawn(4)
    assert first[0] != first[1]
    del unseeded, drawn
    gc.collect()
    assert not [label for _, label in generators._noted.values() if "test_ambient_draws" in label]


def test_generators_of_modules_that_were_there_are_found(monkeypatch):
    """Those that installed modules keep in globals, classes and default arguments; a user's own modules are left alone."""
    generators.unwatch()
    kept = [random.Random(i) for i in range(6)]
    installed, own = types.ModuleType("installed_module"), types.ModuleType("own_module")
    installed.__file__ = str(Path(random.__file__).with_name("installed_module.py"))
    own.__file__ = __file__

    def plain(x, rng=kept[0], *, other=kept[1]):
        return x, rng, other

    class Thing:
        rng = kept[2]

        @classmethod
        def make(cls, rng=kept[3]):
            return rng

    Thing.__module__ = plain.__module__ = "installed_module"
    installed.plain, installed.Thing, installed.rng, own.rng = plain, Thing, kept[4], kept[5]
    monkeypatch.setitem(sys.modules, "installed_module", installed)
    monkeypatch.setitem(sys.modules, "own_module", own)
    generators.find()
    generators.find()
    labels = {generators._noted[id(rng)][1] for rng in kept[:5]}
    assert labels == {f"installed_module.{name}" for name in ("plain(0)", "plain(other)", "Thing.rng", "Thing.make(0)", "rng")}
    assert id(kept[5]) not in generators._noted
    generators.unwatch()


def test_entropy_counts_bytes_like_the_system(host):
    """No bytes for zero, ValueError for fewer; each call gives others."""
    entropy = host.entropy
    assert entropy.urandom(0) == b""
    assert len(entropy.urandom(1000)) == 1000
    assert entropy.urandom(16) != entropy.urandom(16)
    assert 0 <= entropy.seed128() < 1 << 128
    with pytest.raises(ValueError, match="negative"):
        entropy.urandom(-1)


def test_errors_of_the_originals_are_kept(sim, host):
    """Bad arguments raise what they raise outside."""

    def work():
        with pytest.raises(ValueError, match="negative"):
            os.urandom(-1)
        with pytest.raises(TypeError):
            os.urandom("nine")
        with pytest.raises(TypeError):
            random.random(1)
        with pytest.raises(ValueError):
            random.getrandbits(-1)

    sim.run(host, work)


def test_delays_of_workers_are_drawn_apart(simulations):
    """How long workers take does not depend on how many bytes were drawn."""
    one, two = simulations(3).host("a"), simulations(3).host("a")
    one.entropy.urandom(5)
    delays = [one.entropy.work_s() for _ in range(50)]
    assert delays == [two.entropy.work_s() for _ in range(50)]
    assert len(set(delays)) == 50
    assert 0.00005 <= min(delays) < max(delays) < 0.001


def test_uuid1_is_of_the_hosts_clock_and_node(sim, host):
    """A version 1 UUID says when and where it was made: virtually."""
    host.port.set_clock(10.0, 1.0)
    made = sim.run(host, uuid.uuid1)
    assert made.version == 1
    assert made.variant == uuid.RFC_4122
    assert made.node == host.process.node
    assert (made.time - 0x01B21DD213814000) / 10_000_000 == pytest.approx(1_767_225_610.0)


def test_uninstalling_gives_the_generators_back(sim, host):
    """The hidden generator has its class back, and unseeded ones are not noted any more."""
    sim.run(host, everything)
    ambient.uninstall()
    assert type(random._inst) is random.Random
    assert random.Random.seed is generators._original
    random.seed(3)
    assert random.gauss(0.0, 1.0) == random.Random(3).gauss(0.0, 1.0)
