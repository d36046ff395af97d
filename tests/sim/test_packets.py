"""What the kernels offer to the asyncio tier's network: packets, true times, words in the fingerprint, an index of it."""

import contextvars

import pytest

from windtunnel.sim.life import LIFE, Life
from windtunnel.sim.links import LOOPBACK_S, RTO_S


@pytest.fixture
def kernel(kernels):
    """A kernel with a link of one second between a and b."""
    made = kernels.Kernel(1)
    for name in "ab":
        made.add_node(name)
    made.links.latency("constant", 1.0)
    return made


def ends(kernel):
    return kernel.port("a"), kernel.port("b")


# --- Segments and datagrams ---


def test_a_segment_takes_the_latency_and_queues_for_the_bandwidth(kernel):
    """Two segments of half a second each leave one after the other."""
    a, b = ends(kernel)
    assert kernel.carry(a, b, 500) == 1.0
    kernel.links.bandwidth(1000.0)
    assert [kernel.carry(a, b, 500), kernel.carry(a, b, 500)] == [1.5, 2.0]
    assert kernel.carry(b, a, 500) == 1.5, "the other direction has a queue of its own"


def test_a_host_reaches_itself_at_once_whatever_the_weather(kernel):
    """The loopback has no cuts, no loss, and next to no latency."""
    a, _ = ends(kernel)
    kernel.links.weather(drop=1.0)
    assert kernel.carry(a, a, 10) == LOOPBACK_S
    assert kernel.datagram(a, a, 10) == (LOOPBACK_S,)


def test_each_loss_of_a_segment_costs_a_doubled_timeout(kernel):
    """Nothing is lost on TCP: arrivals lie one, one plus a timeout, one plus three timeouts after the sending."""
    a, b = ends(kernel)
    kernel.links.weather(drop=0.5)
    seen = sorted({round(kernel.carry(a, b, 10), 9) for _ in range(200)})
    assert seen[:4] == pytest.approx([1.0, 1.0 + RTO_S, 1.0 + 3 * RTO_S, 1.0 + 7 * RTO_S])


def test_nothing_passes_a_cut_nor_a_link_that_loses_all(kernel):
    """The caller is told so, and of the end: a heal, or another weather, calls `on_heal`."""
    a, b = ends(kernel)
    calls = []
    kernel.on_heal.append(lambda: calls.append(kernel.carry(a, b, 10)))
    kernel.links.cut("a", "b")
    assert kernel.carry(a, b, 10) == -1.0
    assert kernel.datagram(a, b, 10) == ()
    kernel.links.cut("a", "b", hold=True)
    assert kernel.carry(a, b, 10) == -1.0
    assert kernel.datagram(a, b, 10) is None
    kernel.links.heal()
    kernel.links.weather(drop=1.0)
    assert kernel.carry(a, b, 10) == -1.0
    kernel.links.weather()
    assert calls == [1.0, -1.0, 1.0]


def test_datagrams_are_lost_and_repeated(kernel):
    """The weather decides on each packet, with the given probabilities."""
    a, b = ends(kernel)
    kernel.links.weather(drop=0.25, duplicate=0.25)
    counts = [len(kernel.datagram(a, b, 10)) for _ in range(2000)]
    assert 400 < counts.count(0) < 600
    assert 280 < counts.count(2) < 470


# --- True time ---


def test_true_time_ignores_the_hosts_clock(kernel):
    """`task_at` counts in the host's seconds, `task_true` in virtual ones; a jump of the clock moves neither."""
    a, _ = ends(kernel)
    a.bind(object())
    a.set_clock(30.0, 2.0)
    context = contextvars.copy_context()
    context.run(LIFE.set, Life(a))
    log = []
    context.run(kernel.task_at, 4.0, lambda: log.append(("host", kernel.now, a.monotonic(), a.clock())))
    context.run(kernel.task_true, 4.0, lambda: log.append(("true", kernel.now, a.monotonic(), a.clock())))
    kernel.run()
    assert log == [("host", 2.0, 4.0, 34.0), ("true", 4.0, 8.0, 38.0)]


def test_a_monotonic_clock_drifts_and_never_goes_back(kernel):
    """Rates show, jumps do not."""
    a, _ = ends(kernel)
    kernel.call_at(9.0, lambda: None)
    a.set_clock(-5.0, 0.5)
    kernel.run(2.0)
    assert (a.clock(), a.monotonic()) == (-4.0, 1.0)
    a.set_clock(-5.0, 3.0)
    kernel.run(3.0)
    assert (a.clock(), a.monotonic()) == (-6.0, 4.0)


# --- Words and index ---


def run_of(kernels, words, index=0, *, look=False):
    kernel = kernels.Kernel(1, index=index)

    def step(i):
        for word in words:
            kernel.mix(word if i == 4999 else 7)

    for i in range(10_000):
        kernel.call_at(float(i), step, i)
    kernel.run(2500.5)
    if look:
        assert kernel.fingerprint > 0
    kernel.run()
    return kernel


def test_what_is_mixed_in_decides_the_fingerprint(kernels):
    """Another word, another order of words, another number of words: another run."""
    prints = [run_of(kernels, words).fingerprint for words in ([1, 2], [2, 1], [1, 3], [1], [], [1, 2])]
    assert len(set(prints)) == 5
    assert prints[0] == prints[5]


def test_the_index_shows_where_two_runs_part(kernels):
    """Equal up to the block with the first difference, and different from there on; looking at a fingerprint moves nothing."""
    for every in (1, 100, 1000, 5000):
        one, two = run_of(kernels, [1], every), run_of(kernels, [2], every, look=True)
        assert [events for events, _ in one.index] == list(range(every, 10_001, every))
        differ = [events for (events, a), (_, b) in zip(one.index, two.index, strict=True) if a != b]
        assert differ == list(range(-(-5000 // every) * every, 10_001, every))
        assert one.fingerprint == run_of(kernels, [1]).fingerprint


def test_a_tracer_sees_each_step_before_it_is_run(kernels):
    """Steps of hosts and of the world, with their numbers; a tracer without the method is left alone."""
    kernel = kernels.Kernel(1)
    port = kernel.add_node("a")
    port.bind(object())
    context = contextvars.copy_context()
    context.run(LIFE.set, Life(port))
    rows = []

    class Tracer:
        def stepped(self, *row):
            rows.append(row)

    kernel.tracer = Tracer()
    kernel.task_at(1.0, rows.append, "world")
    handle = kernel.task_at(2.0, rows.append, "host", context=context)
    kernel.run()
    kernel.tracer = object()
    kernel.task_soon(rows.append, "last")
    kernel.run()
    assert [row if isinstance(row, str) else row[1:3] for row in rows] == [(1.0, None), "world", (2.0, "a"), "host", "last"]
    assert rows[2][3] is handle
