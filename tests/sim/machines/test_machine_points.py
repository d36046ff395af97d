import asyncio
import subprocess
import sys

import pytest

import windtunnel.sim
from windtunnel.sim import RunFailed, always, buggify, eventually, sometimes


def test_outside_a_simulation_points_cost_nothing_and_do_little():
    """`buggify` is False, `sometimes` silent, `always` an assertion, `eventually` waits in real time."""
    assert not any(buggify("p", 1.0) for _ in range(100))
    assert sometimes(condition=True, name="seen") is None
    always(condition=True, name="fine")
    with pytest.raises(AssertionError, match="broken: x=1"):
        always(condition=False, name="broken", x=1)
    calls = []
    asyncio.run(eventually(lambda: calls.append(1) or len(calls) > 2, "third time", within_s=5.0))
    with pytest.raises(AssertionError, match=r"never: not within 0\.01 s"):
        asyncio.run(eventually(lambda: False, "never", within_s=0.01))


def test_points_can_be_imported_without_the_simulator():
    """Production code that asks `buggify` loads neither asyncio nor msgspec, nor the kernel."""
    program = (
        "import sys; from windtunnel.sim import buggify, always, sometimes, eventually; assert not buggify('p');"
        "heavy = {'asyncio', 'msgspec', 'numpy', 'rich', 'windtunnel.sim.kernel', 'windtunnel.sim.loop', 'socket', 'ssl'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_face_is_exact():
    """Every name of `__all__` exists, is sorted, and nothing else is public."""
    names = windtunnel.sim.__all__
    assert sorted(names) == list(names)
    assert all(getattr(windtunnel.sim, name) is not None for name in names)
    assert set(names) <= set(dir(windtunnel.sim))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = windtunnel.sim.nothing


def fired(make_world, seed, **options):
    """How often each of 40 points fires in 100 passes of one run."""
    counts = {}

    async def scenario():
        for i in range(40):
            counts[i] = sum(buggify(f"point {i}", 0.5) for _ in range(100))

    make_world(seed, **options).run(scenario)
    return counts


def test_buggify_has_two_coins(make_world):
    """In a run some points are on, others never fire; which ones, and when, is the seed's."""
    one, again, two = fired(make_world, 1), fired(make_world, 1), fired(make_world, 2)
    assert one == again != two
    on = [count for count in one.values() if count]
    assert 3 <= len(on) <= 20
    assert all(25 < count < 75 for count in on)
    assert sum(fired(make_world, 1, buggify=0.0).values()) == 0
    assert all(fired(make_world, 1, buggify=1.0).values())


def test_buggify_points_do_not_disturb_each_other(simulate):
    """A point draws from a stream of its own: another one more or less changes nothing."""

    async def scenario(_, *, more):
        pattern = []
        for _ in range(50):
            if more:
                buggify("another")
            pattern.append(buggify("mine", 0.5))
        return pattern

    runs = [simulate(lambda world, more=more: scenario(world, more=more), buggify=1.0)[0] for more in (False, True)]
    assert runs[0] == runs[1]
    assert 10 < sum(runs[0]) < 40


def test_sometimes_counts(simulate):
    """Those that were asked about and never true are known, with 0."""

    async def scenario(_):
        for i in range(5):
            sometimes(i > 2, "large")
            sometimes(i > 9, "huge")

    _, world = simulate(scenario)
    assert world.points.seen == {"large": 2, "huge": 0}


def test_eventually_waits_for_the_end_of_the_faults(simulate):
    """The seconds count from then on; the predicate may be a coroutine function."""

    async def scenario(world):
        world.quiet_at_s = 50.0

        async def late():
            return world.now >= 55.0

        await eventually(late, "late", within_s=10.0)
        return world.now

    assert 55.0 <= simulate(scenario)[0] < 55.2


def test_eventually_that_never_comes_is_a_finding(simulate):
    """Also when its exception is swallowed."""

    async def scenario(_):
        try:
            await eventually(lambda: False, "progress", within_s=3.0)
        except AssertionError:
            await asyncio.sleep(100.0)

    with pytest.raises(RunFailed, match=r"eventually: on test at t=3.0000.*progress: not within 3 s"):
        simulate(scenario)
