"""Clocks of hosts, by every name that Python has for them."""

import asyncio
import datetime as dt
import logging
import threading
import time
from time import localtime as early_localtime
from time import monotonic as early_monotonic
from time import time as early_time

import pytest
from ambient_machines import needs_native

from windtunnel.sim import ambient
from windtunnel.sim.ambient.clocks import EPOCH

REAL = (time.time, time.monotonic, dt.datetime, dt.datetime.now)


class Holder:
    """Took its clocks when the module was imported."""

    clock = time.monotonic
    convert = time.localtime

    def read(self, clock=time.time):
        return clock()


def test_the_epoch_is_the_beginning_of_2026():
    """Every simulation begins at 2026-01-01T00:00:00Z."""
    assert dt.datetime.fromtimestamp(EPOCH, dt.UTC) == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def test_time_passes_with_the_kernel(sim, host):
    """`time.time` is the epoch plus virtual seconds; the monotonic clocks are `loop.time`."""

    async def main():
        await asyncio.sleep(2.5)
        assert time.time() == early_time() == EPOCH + 2.5
        assert time.time_ns() == EPOCH * 10**9 + 2_500_000_000
        seconds = {clock() for clock in (time.monotonic, early_monotonic, time.perf_counter, time.process_time, time.thread_time)}
        assert seconds == {2.5} == {sim.loop.time()}
        counts = (time.monotonic_ns, time.perf_counter_ns, time.process_time_ns, time.thread_time_ns)
        assert {clock() for clock in counts} == {2_500_000_000}
        assert time.clock_gettime(time.CLOCK_REALTIME) == EPOCH + 2.5
        assert time.clock_gettime(time.CLOCK_MONOTONIC) == 2.5
        assert time.clock_gettime_ns(time.CLOCK_REALTIME) == EPOCH * 10**9 + 2_500_000_000
        assert time.clock_gettime_ns(time.CLOCK_MONOTONIC) == 2_500_000_000

    sim.run(host, main)


def test_calendar_functions_follow(sim, host):
    """Whoever converts "now" to a date gets the virtual one; given seconds are converted as ever."""

    async def main():
        await asyncio.sleep(86400.0)
        second = dt.datetime(2026, 1, 2)  # noqa: DTZ001 - what a naive `now` gives
        assert dt.datetime.now() == dt.datetime.today() == second  # noqa: DTZ002, DTZ005
        assert dt.datetime.now(dt.UTC) == dt.datetime.now(tz=dt.UTC) == second.replace(tzinfo=dt.UTC)
        assert dt.datetime.utcnow() == second  # noqa: DTZ003
        assert dt.date.today() == second.date()  # noqa: DTZ011
        assert time.localtime()[:3] == time.gmtime()[:3] == early_localtime()[:3] == (2026, 1, 2)
        assert time.localtime(None)[:3] == (2026, 1, 2)
        assert time.ctime() == time.asctime() == "Fri Jan  2 00:00:00 2026"
        assert time.strftime("%Y-%m-%d") == "2026-01-02"
        assert time.gmtime(0)[:3] == (1970, 1, 1)
        assert time.asctime(time.gmtime(0)) == "Thu Jan  1 00:00:00 1970"
        assert time.strftime("%Y", time.gmtime(0)) == "1970"

    sim.run(host, main)


def test_a_subclass_of_datetime_gets_its_own_kind(sim, host):
    """`now` of a subclass makes an instance of the subclass."""

    class Stamp(dt.datetime):
        pass

    stamp = sim.run(host, lambda: Stamp.now(dt.UTC))
    assert type(stamp) is Stamp
    assert stamp.year == 2026


def test_datetime_is_still_datetime(sim, host):
    """What is made inside and outside is of the real class, and the class recognizes both."""
    inside, outside = sim.run(host, dt.datetime.now), dt.datetime.now()  # noqa: DTZ005
    assert type(inside) is type(outside) is type(dt.datetime(2026, 1, 1)) is REAL[2]  # noqa: DTZ001
    assert isinstance(inside, dt.datetime)
    assert issubclass(REAL[2], dt.datetime)
    assert isinstance(dt.datetime.strptime("2026", "%Y"), REAL[2])  # noqa: DTZ007
    assert outside.year != 1970


def test_clocks_are_per_host(sim):
    """Offset and drift show on the wall clock; drift, but no jump, on the monotonic one."""
    true, skewed = sim.host("true"), sim.host("skewed")
    skewed.port.set_clock(100.0, 1.0)

    async def main():
        await asyncio.sleep(1.0)
        return time.time() - EPOCH, time.monotonic()

    assert sim.run(true, main) == (1.0, 1.0)
    assert sim.run(skewed, main) == (102.0, 2.0)
    skewed.port.set_clock(-50.0, 2.0)
    before = sim.kernel.now
    wall, monotonic = sim.run(skewed, main)
    assert sim.kernel.now - before == 0.5  # it runs twice as fast
    assert (wall, monotonic) == (53.0, 3.0)


@needs_native
def test_references_taken_early_follow(sim, host):
    """A clock in a default argument, or in the body of a class, is the host's as well."""

    def main():
        holder = Holder()
        return holder.read(), holder.clock(), holder.convert(0)[:1], Holder.convert()[:1]

    assert sim.run(host, main) == (EPOCH, 0.0, (1970,), (2026,))


def test_the_real_world_has_its_own_clocks(sim, host):
    """Before, between and after runs, in kernel callbacks without a host, and in other threads, nothing changes."""
    real = time.time()
    assert real > EPOCH
    seen = []
    sim.kernel.call_soon(lambda: seen.append(time.time()))
    other = threading.Thread(target=lambda: (started.wait(), seen.append(time.time()), done.set()))
    started, done = threading.Event(), threading.Event()
    other.start()

    async def main():
        started.set()
        with ambient.outside():
            assert done.wait(30.0)
            seen.append(time.time())
        await asyncio.sleep(0.0)
        return time.time()

    assert sim.run(host, main) == EPOCH
    other.join()
    assert len(seen) == 3
    assert all(real <= moment < real + 100.0 for moment in [*seen, time.time()])


def test_nested_runs_restore_the_outer_one(simulations):
    """A simulation inside another one leaves it active."""
    outer, inner = simulations(1), simulations(2)
    host, guest = outer.host("h"), inner.host("g")
    host.port.set_clock(5.0, 1.0)

    def main():
        with ambient.installed(inner.kernel):
            assert guest.context().run(time.time) == EPOCH
        return time.time()

    assert outer.run(host, main) == EPOCH + 5.0


def test_log_records_have_virtual_times(sim, host):
    """`asctime` follows, because the record takes its time from `time`."""
    record = sim.run(host, lambda: logging.makeLogRecord({}))
    assert record.created == EPOCH
    assert logging.Formatter("%(asctime)s").format(record) == "2026-01-01 00:00:00,000"


def test_local_time_is_utc_in_a_run(sim, host, monkeypatch):
    """Whatever the zone of the machine, hosts live in UTC; afterwards the zone is back."""
    monkeypatch.setenv("TZ", "XYZ5")
    time.tzset()
    try:
        assert time.timezone == 18000
        hour = sim.run(host, lambda: (time.localtime(0).tm_hour, dt.datetime.fromtimestamp(0).hour, dt.datetime.now().hour))  # noqa: DTZ005, DTZ006
        assert hour == (0, 0, 0)
        assert time.timezone == 18000
        assert time.localtime(0).tm_hour == 19
    finally:
        monkeypatch.undo()
        time.tzset()


def test_uninstalling_gives_everything_back(sim, host):
    """Afterwards the functions are the ones that there were, by identity and by behaviour."""
    sim.run(host, time.time)
    ambient.uninstall()
    assert (time.time, time.monotonic, dt.datetime, dt.datetime.now) == REAL
    with pytest.raises(TypeError):
        time.time(1)
    assert time.time() > EPOCH
