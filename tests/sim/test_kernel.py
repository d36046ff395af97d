import gc
import math

import pytest

from windtunnel.base import streams
from windtunnel.base.errors import StorageError, UsageError


class Recorder:
    """A core that notes what reaches it; `then` maps a message or a timer to an action on the outbox."""

    def __init__(self, kernel, port, then=None):
        self.kernel = kernel
        self.out = port
        self.then = then or {}
        self.seen = []

    def on_start(self):
        self._act("start")

    def on_timer(self, name):
        self.seen.append((self.kernel.now, "timer", name))
        self._act(name)

    def on_message(self, src, message):
        self.seen.append((self.kernel.now, src, message))
        self._act(message)

    def what(self):
        return [row[1:] for row in self.seen]

    def _act(self, key):
        action = self.then.get(key)
        if action is not None:
            action(self.out)


class Disk:
    """A disk whose syncs take the scripted seconds."""

    def __init__(self, *durations):
        self.durations = list(durations)
        self.calls = []
        self.full = False

    def append(self, record):
        if self.full:
            raise StorageError("full")
        self.calls.append(record)

    def replace(self, records):
        self.calls.append(list(records))

    def begin_sync(self):
        self.calls.append("begin")
        return self.durations.pop(0)

    def end_sync(self):
        self.calls.append("end")


class Observer:
    """Keeps what it is told, with the time."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.rows = []

    def applied(self, node, index, command):
        self.rows.append((self.kernel.now, node, index, command))

    def replied(self, node, client, message):
        self.rows.append((self.kernel.now, node, client, message))


class Tracer:
    """Keeps every row."""

    def __init__(self):
        self.rows = []

    def sent(self, seq, t, src, dst, message, due):
        self.rows.append(("sent", seq, t, src, dst, message, due))

    def dispatched(self, seq, t, kind, node, src, payload, sent_at):
        self.rows.append((kind, seq, t, node, src, payload, sent_at))


def boot(kernel, *names, **then):
    """Nodes with a Recorder each; `then[name]` is the node's script."""
    nodes = {}
    for name in names:
        port = kernel.add_node(name)
        nodes[name] = Recorder(kernel, port, then.get(name))
        port.bind(nodes[name])
    for node in nodes.values():
        node.on_start()
    return nodes


# --- Clock and callbacks ---


def test_callbacks_run_in_order_of_time_then_of_request(kernels):
    """Equal times keep the order of the requests; the clock stands at each callback's time."""
    kernel, ran = kernels.Kernel(1), []
    note = lambda tag: ran.append((kernel.now, tag))  # noqa: E731
    kernel.call_later(2.0, note, "d")
    kernel.call_at(1.0, note, "b")
    kernel.call_later(1.0, note, "c")
    kernel.call_soon(note, "a")
    assert kernel.run() == "idle"
    assert ran == [(0.0, "a"), (1.0, "b"), (1.0, "c"), (2.0, "d")]
    assert kernel.events == 4


def test_the_past_and_nonsense_mean_now(kernels):
    """A time that is past, a negative delay or not a number cannot turn the clock back."""
    kernel, ran = kernels.Kernel(1), []

    def late():
        kernel.call_at(0.5, ran.append, "at")
        kernel.call_later(-1.0, ran.append, "later")
        kernel.call_later(math.nan, ran.append, "nan")
        kernel.call_at(math.nan, ran.append, "nan at")

    kernel.call_at(1.0, late)
    kernel.run()
    assert ran == ["at", "later", "nan", "nan at"]
    assert kernel.now == 1.0


def test_a_cancelled_callback_never_runs(kernels):
    """A void entry neither runs, nor counts, nor moves the clock."""
    kernel, ran = kernels.Kernel(1), []
    handle = kernel.call_later(5.0, ran.append, 1)
    assert not handle.cancelled()
    handle.cancel()
    assert handle.cancelled()
    assert kernel.run() == "idle"
    assert (ran, kernel.events, kernel.now) == ([], 0, 0.0)


def test_until_is_inclusive_and_sets_the_clock(kernels):
    """What is due at `until` runs; the clock then stands there; a later run goes on."""
    kernel, ran = kernels.Kernel(1), []
    for t in (1.0, 2.0, 3.0):
        kernel.call_at(t, ran.append, t)
    assert kernel.run(2.0) == "until"
    assert (ran, kernel.now) == ([1.0, 2.0], 2.0)
    assert kernel.run(2.5) == "until"
    assert kernel.now == 2.5
    assert kernel.run(1.0) == "until"
    assert kernel.now == 2.5
    assert kernel.run(10.0) == "idle"
    assert (ran, kernel.now) == ([1.0, 2.0, 3.0], 3.0)


def test_idle_when_only_void_entries_are_left(kernels):
    """Cancelled callbacks and timers beyond `until` are nothing that can ever run."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a")
    nodes["a"].out.set_timer("t", 50.0)
    nodes["a"].out.cancel_timer("t")
    kernel.call_at(60.0, print).cancel()
    assert kernel.run(10.0) == "idle"


def test_limit_stop_and_going_on(kernels):
    """`max_events` and `stop` end a run after an event; nothing is lost."""
    kernel, ran = kernels.Kernel(1), []

    def act(i):
        ran.append(i)
        if i == 3:
            kernel.stop()

    for i in range(6):
        kernel.call_at(float(i), act, i)
    assert kernel.run(max_events=2) == "limit"
    assert ran == [0, 1]
    assert kernel.run(100.0) == "stopped"
    assert ran == [0, 1, 2, 3]
    kernel.stop()
    assert kernel.run(100.0, max_events=1) == "limit"
    assert kernel.run(100.0) == "idle"
    assert ran == [0, 1, 2, 3, 4, 5]


def test_many_interrupted_runs_leave_nothing_behind(kernels):
    """Single stepping towards the same `until` gives the run that one call gives."""
    whole, steps = kernels.Kernel(1), kernels.Kernel(1)
    for kernel in (whole, steps):
        for i in range(50):
            kernel.call_at(i * 0.1, lambda: None)
    assert whole.run(3.0) == "until"
    while steps.run(3.0, max_events=1) == "limit":
        pass
    assert (whole.now, whole.events, whole.fingerprint) == (steps.now, steps.events, steps.fingerprint)


def test_an_exception_of_a_callback_propagates_and_the_run_can_go_on(kernels):
    """The kernel survives its guests; the collector is switched on again."""
    kernel, ran = kernels.Kernel(1), []
    kernel.call_at(1.0, lambda: 1 / 0)
    kernel.call_at(2.0, ran.append, 2)
    with pytest.raises(ZeroDivisionError):
        kernel.run(5.0)
    assert gc.isenabled()
    assert kernel.current is None
    assert kernel.run(5.0) == "idle"
    assert ran == [2]


def test_the_collector_is_off_inside_and_as_before_outside(kernels):
    """Off while handlers run; a caller that had switched it off finds it off."""
    kernel, inside = kernels.Kernel(1), []
    kernel.call_soon(lambda: inside.append(gc.isenabled()))
    kernel.run()
    assert inside == [False]
    assert gc.isenabled()
    gc.disable()
    try:
        kernel.run()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_unknown_policy_is_wrong_usage(kernels):
    """The message lists the policies."""
    with pytest.raises(UsageError, match="fifo, random, pct"):
        kernels.Kernel(1, policy="lifo")


def test_streams_are_those_of_base(kernels):
    """The compiled stream and the pure one draw the same, in every method."""
    ours, base = kernels.Kernel(9).stream("x"), streams.Stream(9, "x")
    for _ in range(50):
        assert ours.random() == base.random()
        assert ours.uniform(2.0, 5.0) == base.uniform(2.0, 5.0)
        assert ours.exponential(0.3) == base.exponential(0.3)
        assert ours.below(7) == base.below(7)
        assert ours.chance(0.5) is base.chance(0.5)
        assert ours.choice("abcde") == base.choice("abcde")
    mine, theirs = list(range(20)), list(range(20))
    ours.shuffle(mine)
    base.shuffle(theirs)
    assert mine == theirs
    assert ours.sample(mine, 5) == base.sample(theirs, 5)


# --- Messages ---


def test_a_message_takes_the_latency_of_the_default_link(kernels):
    """Uniform 1 to 10 ms, from the stream "network"."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a", "b")
    for _ in range(100):
        nodes["a"].out.send("b", "m")
    kernel.run()
    times = [row[0] for row in nodes["b"].seen]
    assert len(times) == 100
    assert 0.001 <= min(times) < 0.002
    assert 0.009 < max(times) < 0.010
    assert (kernel.links.sent, kernel.links.delivered, kernel.links.dropped) == (100, 100, 0)


def test_a_node_reaches_itself_at_once_and_whatever_the_weather(kernels):
    """When src == dst: next event, no loss."""
    kernel = kernels.Kernel(1)
    kernel.links.weather(drop=1.0)
    nodes = boot(kernel, "a")
    nodes["a"].out.send("a", "m")
    kernel.run()
    assert nodes["a"].seen == [(0.0, "a", "m")]


def test_a_message_to_nobody_is_lost_in_silence(kernels):
    """Unknown names are counted as sent and dropped."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a")
    nodes["a"].out.send("ghost", "m")
    assert kernel.run() == "idle"
    assert (kernel.links.sent, kernel.links.dropped) == (1, 1)


def test_two_nodes_of_one_name_are_wrong_usage(kernels):
    """A name is an address."""
    kernel = kernels.Kernel(1)
    kernel.add_node("a")
    with pytest.raises(UsageError, match="'a'"):
        kernel.add_node("a")


def test_constant_latency_keeps_order_and_loss_loses(kernels):
    """Each directed link has its own settings."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a", "b", "c")
    kernel.links.latency("constant", 0.5)
    kernel.links.weather(drop=1.0, src="a", dst="c")
    for i in range(3):
        nodes["a"].out.send("b", i)
        nodes["a"].out.send("c", i)
    kernel.run()
    assert nodes["b"].seen == [(0.5, "a", 0), (0.5, "a", 1), (0.5, "a", 2)]
    assert nodes["c"].seen == []
    assert kernel.links.dropped == 3


def test_weather_loses_and_repeats_about_as_often_as_asked(kernels):
    """Ten thousand messages, five sigma."""
    kernel = kernels.Kernel(3)
    nodes = boot(kernel, "a", "b")
    kernel.links.weather(drop=0.2, duplicate=0.1)
    for _ in range(10_000):
        nodes["a"].out.send("b", "m")
    kernel.run()
    assert 1800 < kernel.links.dropped < 2200
    assert 680 < kernel.links.duplicated < 920
    assert kernel.links.delivered == 10_000 - kernel.links.dropped + kernel.links.duplicated


def test_slow_weather_adds_up_to_its_seconds(kernels):
    """Uniform extra delay."""
    kernel = kernels.Kernel(3)
    nodes = boot(kernel, "a", "b")
    kernel.links.latency("constant", 1.0)
    kernel.links.weather(slow_s=2.0)
    for _ in range(200):
        nodes["a"].out.send("b", "m")
    kernel.run()
    times = [row[0] for row in nodes["b"].seen]
    assert 1.0 <= min(times) < 1.1
    assert 2.9 < max(times) < 3.0


@pytest.mark.parametrize(
    ("kind", "a", "b", "mean"),
    [("constant", 0.1, 0.0, 0.1), ("uniform", 0.1, 0.3, 0.2), ("exponential", 0.1, 0.2, 0.3), ("lognormal", 0.1, 0.5, 0.1133)],
)
def test_latency_distributions_have_their_mean(kernels, kind, a, b, mean):
    """The mean of 4000 draws is within five per cent."""
    kernel = kernels.Kernel(5)
    nodes = boot(kernel, "a", "b")
    kernel.links.latency(kind, a, b, src="a", dst="b")
    for _ in range(4000):
        nodes["a"].out.send("b", "m")
    kernel.run()
    times = [row[0] for row in nodes["b"].seen]
    assert sum(times) / len(times) == pytest.approx(mean, rel=0.05)


def test_fifo_links_never_overtake_and_others_do(kernels):
    """With `fifo` messages arrive in the order of sending."""
    orders = {}
    for on in (False, True):
        kernel = kernels.Kernel(2)
        nodes = boot(kernel, "a", "b")
        kernel.links.fifo(on)
        for i in range(50):
            nodes["a"].out.send("b", i)
        kernel.run()
        orders[on] = [message for _, _, message in nodes["b"].seen]
    assert orders[True] == list(range(50))
    assert orders[False] != list(range(50))
    assert sorted(orders[False]) == list(range(50))


def test_bandwidth_queues_messages_by_size(kernels):
    """A link sends one message after the other, each for size / bandwidth seconds."""
    kernel = kernels.Kernel(2)
    nodes = boot(kernel, "a", "b", "c")
    kernel.links.latency("constant", 1.0)
    kernel.links.bandwidth(100.0)
    kernel.links.size_of = len
    nodes["a"].out.send("b", "x" * 50)
    nodes["a"].out.send("b", "y" * 100)
    nodes["a"].out.send("c", "z" * 10)
    kernel.run()
    assert [row[0] for row in nodes["b"].seen] == [1.5, 2.5]
    assert [row[0] for row in nodes["c"].seen] == [1.1]


def test_defaults_do_not_touch_what_was_set_and_reach_later_nodes(kernels):
    """A link named by a call keeps that group; later defaults change the others, and links not made yet."""
    kernel = kernels.Kernel(2)
    nodes = boot(kernel, "a", "b")
    kernel.links.latency("constant", 5.0, src="a", dst="b")
    kernel.links.latency("constant", 1.0)
    kernel.links.latency("constant", 3.0, src="a")
    kernel.links.latency("constant", 2.0)
    nodes |= boot(kernel, "c")
    nodes["a"].out.send("b", "m")
    nodes["a"].out.send("c", "m")
    nodes["c"].out.send("b", "m")
    kernel.run()
    assert nodes["b"].what() == [("c", "m"), ("a", "m")]
    assert [row[0] for row in nodes["b"].seen] == [2.0, 3.0]
    assert nodes["c"].seen == [(3.0, "a", "m")]


def test_wrong_settings_are_wrong_usage(kernels):
    """Unknown kinds, nodes, and impossible numbers."""
    kernel = kernels.Kernel(1)
    kernel.add_node("a")
    links = kernel.links
    for call in (
        lambda: links.latency("gaussian", 1.0),
        lambda: links.latency("uniform", 2.0, 1.0),
        lambda: links.latency("constant", -1.0),
        lambda: links.latency("constant", math.nan),
        lambda: links.weather(drop=1.5),
        lambda: links.bandwidth(-1.0),
        lambda: links.cut("a", "ghost"),
        lambda: links.heal(src="ghost"),
    ):
        with pytest.raises(UsageError):
            call()


# --- Cuts ---


def test_a_cut_is_one_way_and_spares_what_left_before(kernels):
    """In flight arrives; later messages are lost until the heal; the other direction works."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a", "b")
    kernel.links.latency("constant", 1.0)
    nodes["a"].out.send("b", "before")
    kernel.links.cut("a", "b")
    nodes["a"].out.send("b", "during")
    nodes["b"].out.send("a", "back")
    kernel.run()
    kernel.links.heal()
    nodes["a"].out.send("b", "after")
    kernel.run()
    assert nodes["b"].what() == [("a", "before"), ("a", "after")]
    assert nodes["a"].what() == [("b", "back")]
    assert kernel.links.dropped == 1


def test_a_holding_cut_releases_in_order_at_the_heal(kernels):
    """Held messages leave at the heal, with a latency of their own."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a", "b", "c")
    kernel.links.latency("constant", 1.0)
    kernel.links.cut("a", "b", hold=True)
    kernel.links.cut("c", "b", hold=True)
    nodes["a"].out.send("b", 1)
    nodes["c"].out.send("b", 2)
    nodes["a"].out.send("b", 3)
    assert kernel.run() == "idle"
    kernel.call_at(5.0, kernel.links.heal, "a")
    kernel.run()
    assert nodes["b"].seen == [(6.0, "a", 1), (6.0, "a", 3)]
    kernel.links.heal(dst="b")
    kernel.run()
    assert nodes["b"].what()[-1] == ("c", 2)
    assert kernel.links.dropped == 0


# --- Timers ---


def test_timers_fire_once_and_are_replaced_by_name(kernels):
    """Arming again replaces the deadline, earlier or later; names are apart."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a")
    out = nodes["a"].out
    out.set_timer("x", 1.0)
    out.set_timer("x", 5.0)
    out.set_timer("y", 9.0)
    out.set_timer("y", 3.0)
    out.set_timer("z", 4.0)
    out.cancel_timer("z")
    out.cancel_timer("never armed")
    assert kernel.run() == "idle"
    assert nodes["a"].seen == [(3.0, "timer", "y"), (5.0, "timer", "x")]


def test_a_timer_may_arm_itself_again(kernels):
    """At `on_timer` the timer is no longer pending."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a", a={"start": lambda out: out.set_timer("tick", 1.0), "tick": lambda out: out.set_timer("tick", 1.0)})
    kernel.run(10.5)
    assert [row[0] for row in nodes["a"].seen] == [float(i) for i in range(1, 11)]


def test_a_range_is_drawn_from_the_nodes_own_stream(kernels):
    """Election timeouts: uniform in the pair, not from the network's stream."""
    kernel = kernels.Kernel(4)
    nodes = boot(kernel, "a")
    nodes["a"].out.set_timer("t", (1.0, 2.0))
    kernel.run()
    assert nodes["a"].seen[0][0] == 1.0 + (2.0 - 1.0) * streams.Stream(4, "node/a").random()


def test_timers_and_messages_of_one_instant_run_in_order_of_request(kernels):
    """A lazily moved timer takes the place of its latest request."""
    kernel = kernels.Kernel(1)
    kernel.links.latency("constant", 2.0)
    nodes = boot(kernel, "a", "b")
    a = nodes["a"].out
    a.set_timer("moved", 1.0)
    a.set_timer("first", 2.0)
    nodes["b"].out.send("a", "second")
    a.set_timer("moved", 2.0)
    kernel.run()
    assert nodes["a"].what() == [("timer", "first"), ("b", "second"), ("timer", "moved")]


# --- The barrier ---


def test_effects_wait_for_the_sync_and_timers_do_not(kernels):
    """After a persist: send, reply and apply wait, in order; timers, clock and random act at once."""
    kernel = kernels.Kernel(1)
    kernel.links.latency("constant", 0.0)
    nodes = boot(kernel, "a", "b")
    a = nodes["a"].out
    a.disk, a.observer = Disk(1.0), Observer(kernel)
    a.send("b", "free")
    a.persist("r1")
    a.set_timer("t", 0.5)
    a.send("b", "held")
    a.apply(1, "command")
    a.reply("b", "answer")
    kernel.run()
    assert nodes["b"].seen == [(0.0, "a", "free"), (1.0, "a", "held"), (1.0, "a", "answer")]
    assert nodes["a"].seen == [(0.5, "timer", "t")]
    assert a.observer.rows == [(1.0, "a", 1, "command"), (1.0, "a", "b", "answer")]
    assert a.disk.calls == ["r1", "begin", "end"]


def test_a_persist_during_a_sync_joins_the_next_one(kernels):
    """Group commit: what came in between is durable one sync later, and so are the effects behind it."""
    kernel = kernels.Kernel(1)
    kernel.links.latency("constant", 0.0)
    nodes = boot(kernel, "a", "b")
    a = nodes["a"].out
    a.disk = Disk(1.0, 2.0)
    a.persist("r1")
    a.send("b", 1)
    a.persist("r2")
    a.send("b", 2)
    a.checkpoint(["r3"])
    a.send("b", 3)
    kernel.run()
    assert nodes["b"].seen == [(1.0, "a", 1), (3.0, "a", 2), (3.0, "a", 3)]
    assert a.disk.calls == ["r1", "begin", "r2", ["r3"], "end", "begin", "end"]


def test_an_instant_disk_holds_nothing(kernels):
    """begin_sync of 0 seconds: durable at once, also for the second of two syncs."""
    kernel = kernels.Kernel(1)
    kernel.links.latency("constant", 0.0)
    nodes = boot(kernel, "a", "b")
    a = nodes["a"].out
    a.disk = Disk(0.0, 1.0, 0.0)
    a.persist("r1")
    a.send("b", 1)
    a.persist("r2")
    a.persist("r3")
    a.send("b", 2)
    kernel.run()
    assert nodes["b"].seen == [(0.0, "a", 1), (1.0, "a", 2)]
    assert a.disk.calls == ["r1", "begin", "end", "r2", "begin", "r3", "end", "begin", "end"]


def test_a_crash_loses_what_waited(kernels):
    """Effects behind the barrier die with the node; the sync in flight is forgotten."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a", "b")
    a = nodes["a"].out
    a.disk = Disk(1.0, 1.0)
    a.persist("r1")
    a.send("b", "lost")
    a.set_timer("t", 2.0)
    a.unbind()
    a.send("b", "from a dead node")
    a.set_timer("t", 1.0)
    a.persist("from a dead node")
    a.bind(nodes["a"])
    a.persist("r2")
    a.send("b", "kept")
    kernel.run()
    assert nodes["b"].what() == [("a", "kept")]
    assert nodes["a"].seen == []
    assert a.disk.calls == ["r1", "begin", "r2", "begin", "end"]
    assert a.incarnation == 1


def test_a_refusing_disk_raises_out_of_the_run(kernels):
    """StorageError reaches the caller of `run`, with the event in `current`."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a", a={"t": lambda out: out.persist("r")})
    nodes["a"].out.disk = Disk()
    nodes["a"].out.disk.full = True
    nodes["a"].out.set_timer("t", 1.0)
    with pytest.raises(StorageError):
        kernel.run()
    assert kernel.current[1:] == (1.0, "timer", "a", None, "t")


# --- Crashes, pauses, clocks, CPUs ---


def test_messages_survive_the_death_of_the_sender_and_find_the_next_life(kernels):
    """In flight is in flight; a node that is down loses what arrives; its next life hears from the former."""
    kernel = kernels.Kernel(1)
    kernel.links.latency("constant", 1.0)
    nodes = boot(kernel, "a", "b")
    a, b = nodes["a"].out, nodes["b"].out
    a.send("b", "from the dead")
    a.unbind()
    b.send("a", "to the dead")
    kernel.call_at(0.5, b.send, "a", "to the next life")
    kernel.call_at(1.2, a.bind, nodes["a"])
    kernel.run()
    assert nodes["b"].what() == [("a", "from the dead")]
    assert nodes["a"].seen == [(1.5, "b", "to the next life")]
    assert (kernel.links.dropped, kernel.links.delivered) == (1, 2)


def test_a_paused_node_handles_everything_at_resume_in_order(kernels):
    """Deliveries, timers and syncs that became due are kept, and handled at the time of the resume."""
    kernel = kernels.Kernel(1)
    kernel.links.latency("constant", 1.0)
    nodes = boot(kernel, "a", "b")
    a = nodes["a"].out
    a.disk = Disk(1.5)
    a.set_timer("t", 0.5)
    a.persist("r")
    a.send("b", "durable")
    nodes["b"].out.send("a", "m")
    a.pause()
    kernel.call_at(4.0, a.resume)
    kernel.run()
    assert nodes["a"].seen == [(4.0, "timer", "t"), (4.0, "b", "m")]
    assert nodes["b"].seen == [(5.0, "a", "durable")]


def test_a_crash_of_a_paused_node_loses_what_was_kept(kernels):
    """The kernel's buffers die with the process."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a", "b")
    a = nodes["a"].out
    a.set_timer("t", 0.001)
    nodes["b"].out.send("a", "m")
    a.pause()
    kernel.run()
    a.unbind()
    assert not a.paused
    a.bind(nodes["a"])
    a.set_timer("t", 1.0)
    kernel.run()
    assert nodes["a"].what() == [("timer", "t")]
    assert kernel.links.dropped == 1


def test_a_local_clock_jumps_drifts_and_stretches_delays(kernels):
    """Continuous but for the jump; a delay of local seconds takes delay / rate real ones."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a")
    a = nodes["a"].out
    kernel.run(10.0)
    kernel.call_at(10.0, lambda: None)
    kernel.run(10.0)
    assert a.clock() == kernel.now
    a.set_clock(5.0, 2.0)
    start = kernel.now
    assert a.clock() == start + 5.0
    a.set_timer("t", 4.0)
    kernel.run()
    assert nodes["a"].seen == [(start + 2.0, "timer", "t")]
    assert a.clock() == start + 5.0 + 4.0
    a.set_clock(0.0, 1.0)
    assert a.clock() == start + 9.0
    with pytest.raises(UsageError):
        a.set_clock(0.0, 0.0)


def test_a_cpu_serves_in_order_of_arrival(kernels):
    """Two cores, one second each: four messages take two seconds."""
    kernel = kernels.Kernel(1)
    kernel.links.latency("constant", 1.0)
    nodes = boot(kernel, "a", "b")
    nodes["b"].out.set_cpu(2, 1.0)
    for i in range(4):
        nodes["a"].out.send("b", i)
    kernel.run()
    assert nodes["b"].seen == [(2.0, "a", 0), (2.0, "a", 1), (3.0, "a", 2), (3.0, "a", 3)]
    with pytest.raises(UsageError):
        nodes["b"].out.set_cpu(0, 1.0)


def test_a_crash_empties_the_queue_of_the_cpu(kernels):
    """What was being served is lost, counted, and never reaches the next life."""
    kernel = kernels.Kernel(1)
    kernel.links.latency("constant", 1.0)
    nodes = boot(kernel, "a", "b")
    b = nodes["b"].out
    b.set_cpu(1, 10.0)
    nodes["a"].out.send("b", "m")
    kernel.call_at(2.0, b.unbind)
    kernel.call_at(3.0, b.bind, nodes["b"])
    kernel.run()
    assert nodes["b"].seen == []
    assert kernel.links.dropped == 1


# --- Watching ---


def test_the_tracer_hears_of_everything(kernels):
    """Sent with its due time (None: lost, inf: held), dispatched with the time of sending, lost at a dead node."""
    kernel = kernels.Kernel(1)
    kernel.links.latency("constant", 1.0)
    nodes = boot(kernel, "a", "b", "c")
    kernel.tracer = tracer = Tracer()
    a = nodes["a"].out
    a.disk = Disk(0.25)
    kernel.links.cut("a", "c")
    kernel.links.cut("c", "a", hold=True)
    a.send("c", "cut")
    nodes["c"].out.send("a", "held")
    a.set_timer("t", 0.5)
    a.persist("r")
    a.send("b", "m")
    kernel.call_at(0.75, nodes["b"].out.unbind)
    kernel.run()
    kinds = [(row[0], row[2], *row[3:]) for row in tracer.rows]
    assert kinds == [
        ("sent", 0.0, "a", "c", "cut", None),
        ("sent", 0.0, "c", "a", "held", math.inf),
        ("synced", 0.25, "a", None, "", None),
        ("sent", 0.25, "a", "b", "m", 1.25),
        ("timer", 0.5, "a", None, "t", None),
        ("lost-at-node", 1.25, "b", "a", "m", 0.25),
    ]
    sent, lost = tracer.rows[3], tracer.rows[-1]
    assert sent[1] == lost[1], "a message keeps its number"


def test_tracing_does_not_change_the_run(kernels):
    """Same seed, with and without a tracer: same fingerprint."""
    prints = []
    for traced in (False, True):
        kernel = kernels.Kernel(8)
        nodes = boot(kernel, "a", "b", a={"m": lambda out: out.send("b", "m")}, b={"m": lambda out: out.send("a", "m")})
        if traced:
            kernel.tracer = Tracer()
        kernel.links.weather(duplicate=0.001, slow_s=0.1)
        nodes["a"].out.send("b", "m")
        kernel.run(max_events=500)
        prints.append((kernel.fingerprint, kernel.now))
    assert prints[0] == prints[1]


def test_after_event_follows_messages_and_timers(kernels):
    """Called with the node's name after each of its events; not after callbacks of the world."""
    kernel, rows = kernels.Kernel(1), []
    kernel.after_event = rows.append
    nodes = boot(kernel, "a", "b")
    nodes["a"].out.send("b", "m")
    nodes["a"].out.set_timer("t", 1.0)
    kernel.call_soon(lambda: None)
    kernel.run()
    assert rows == ["b", "a"]


def test_current_names_the_event_whose_handler_raised(kernels):
    """(seq, t, kind, node, src, payload), and None outside."""
    kernel = kernels.Kernel(1)
    kernel.links.latency("constant", 1.0)

    def fail(out):
        raise ValueError

    nodes = boot(kernel, "a", "b", b={"boom": fail})
    assert kernel.current is None
    nodes["a"].out.send("b", "boom")
    with pytest.raises(ValueError):
        kernel.run()
    assert kernel.current[1:] == (1.0, "deliver", "b", "a", "boom")
    assert kernel.run() == "idle"
    assert kernel.current is None


def test_the_fingerprint_depends_on_times_and_parties(kernels):
    """Same events: same print; another time, another node, another count: another print."""

    def run(at, node):
        kernel = kernels.Kernel(1)
        nodes = boot(kernel, "a", "b")
        nodes[node].out.set_timer("t", at)
        kernel.run()
        return kernel.fingerprint

    empty = kernels.Kernel(1).fingerprint
    assert run(1.0, "a") == run(1.0, "a")
    assert len({run(1.0, "a"), run(1.5, "a"), run(1.0, "b"), empty}) == 4


def test_the_fingerprint_may_be_read_at_any_time(kernels):
    """Reading it does not change it, and block limits do not show."""
    prints = []
    for every in (10_000, 7):
        kernel = kernels.Kernel(1)
        for i in range(10_000):
            kernel.call_at(i * 0.001, lambda: None)
        while kernel.run(max_events=every) == "limit":
            kernel.fingerprint  # noqa: B018 - reading is the point
        prints.append(kernel.fingerprint)
    assert prints[0] == prints[1]


def test_upcoming_lists_what_is_not_void(kernels):
    """In order of time, with kind and node; cancelled, dead and replaced entries are not there."""
    kernel = kernels.Kernel(1)
    kernel.links.latency("constant", 1.0)
    nodes = boot(kernel, "a", "b")
    a, b = nodes["a"].out, nodes["b"].out
    a.disk = Disk(0.25)
    a.set_timer("moved", 2.0)
    a.set_timer("moved", 3.0)
    a.set_timer("gone", 1.5)
    a.cancel_timer("gone")
    b.send("a", "m")
    kernel.call_at(0.5, print)
    kernel.call_at(0.6, print).cancel()
    kernel.task_at(0.7, print)
    kernel.task_at(0.8, print).cancel()
    a.persist("r")
    b.set_cpu(1, 5.0)
    assert kernel.upcoming() == [
        (0.25, "synced", "a"),
        (0.5, "call", None),
        (0.7, "task", None),
        (1.0, "deliver", "a"),
        (3.0, "timer", "a"),
    ]


def test_waiting_says_who_waits_for_what(kernels):
    """Down, paused, nothing upcoming, held by a cut; a node with a timer waits for nothing."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "busy", "down", "frozen", "deaf")
    nodes["busy"].out.set_timer("t", 1.0)
    nodes["down"].out.unbind()
    nodes["frozen"].out.pause()
    kernel.links.cut("deaf", "busy", hold=True)
    nodes["deaf"].out.send("busy", 1)
    nodes["deaf"].out.send("busy", 2)
    assert kernel.waiting() == [
        ("down", "is down"),
        ("frozen", "is paused"),
        ("deaf", "waits for a message: no timer is armed, nothing is on its way"),
        ("deaf", "2 messages to busy are held by a cut"),
    ]


# --- Policies ---


def order_of(kernels, seed, policy, *, depth=3):
    """In which order eight nodes hear messages that arrive at one instant."""
    kernel = kernels.Kernel(seed, policy=policy, depth=depth)
    kernel.links.latency("constant", 1.0)
    heard = []
    for i in range(8):
        port = kernel.add_node(f"n{i}")
        port.bind(Recorder(kernel, port, {"m": lambda out: heard.append(out.name)}))
    for _ in range(2):
        for i in range(8):
            kernel.port("n0" if i else "n1").send(f"n{i}", "m")
    kernel.run()
    return heard


def test_fifo_runs_an_instant_in_order_of_request(kernels):
    """What asyncio and most networks do."""
    assert order_of(kernels, 1, "fifo") == [f"n{i}" for i in range(8)] * 2


def test_a_seeded_pick_reorders_an_instant_and_repeats_with_its_seed(kernels):
    """Same seed, same order; other seeds, other orders; nothing is lost."""
    orders = {seed: order_of(kernels, seed, "random") for seed in range(4)}
    assert orders[0] == order_of(kernels, 0, "random")
    assert len({tuple(order) for order in orders.values()}) == 4
    assert all(sorted(order) == sorted([f"n{i}" for i in range(8)] * 2) for order in orders.values())


def test_pct_runs_nodes_by_priority(kernels):
    """Without change points each node's events of an instant run together, highest priority first."""
    orders = {seed: order_of(kernels, seed, "pct", depth=1) for seed in range(4)}
    for order in orders.values():
        assert order[::2] == order[1::2]
    assert len({tuple(order) for order in orders.values()}) == 4


def test_a_policy_never_turns_the_clock_back(kernels):
    """A run that ends inside an instant may be asked for something earlier."""
    kernel, times = kernels.Kernel(1, policy="random"), []
    for _ in range(5):
        kernel.call_at(1.0, lambda: times.append(kernel.now))
    doomed = [kernel.call_at(1.0, print) for _ in range(5)]
    for handle in doomed:
        handle.cancel()
    while kernel.run(5.0, max_events=1) == "limit":
        kernel.call_later(0.0, lambda: times.append(kernel.now))
        if len(times) > 20:
            kernel.stop()
            break
    assert times == sorted(times)


# --- Corners ---


def test_a_frozen_nodes_timers_may_change_before_the_resume(kernels):
    """Cancelled or armed again from outside while the entry is kept: the resume respects it."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a")
    a = nodes["a"].out
    for name in ("cancelled", "later", "sooner", "kept"):
        a.set_timer(name, 1.0)
    a.pause()
    kernel.call_at(2.0, a.cancel_timer, "cancelled")
    kernel.call_at(2.0, a.set_timer, "later", 5.0)
    kernel.call_at(1.5, a.set_timer, "sooner", 0.0)
    kernel.call_at(3.0, a.resume)
    kernel.call_at(3.0, a.resume)
    kernel.run()
    assert nodes["a"].seen == [(3.0, "timer", "sooner"), (3.0, "timer", "kept"), (7.0, "timer", "later")]


def test_a_crash_inside_a_release_stops_the_release(kernels):
    """An observer that crashes the node at an applied command: what waited behind it is lost."""
    kernel = kernels.Kernel(1)
    nodes = boot(kernel, "a", "b")
    a = nodes["a"].out

    class Killer:
        def applied(self, node, index, command):
            a.unbind()

    a.disk, a.observer = Disk(1.0), Killer()
    a.persist("r")
    a.send("b", "before")
    a.apply(1, "fatal")
    a.send("b", "after")
    kernel.run()
    assert nodes["b"].what() == [("a", "before")]


def test_a_stop_and_a_limit_at_the_same_event(kernels):
    """The stop is what the caller is told."""
    kernel = kernels.Kernel(1)
    kernel.call_soon(kernel.stop)
    assert kernel.run(max_events=1) == "stopped"
    assert kernel.run() == "idle"


def test_a_failure_is_raised_once_and_the_first_one_wins(kernels):
    """`fail` ends the run like an exception of the handler; outside a run it raises at once."""
    kernel = kernels.Kernel(1)

    def act():
        kernel.fail(ValueError("first"))
        kernel.fail(ValueError("second"))

    kernel.call_soon(act)
    kernel.call_later(1.0, print)
    with pytest.raises(ValueError, match="first"):
        kernel.run()
    assert kernel.run(0.5) == "until"
    with pytest.raises(ValueError, match="outside"):
        kernel.fail(ValueError("outside"))


def test_a_second_loop_is_a_mistake_and_a_late_one_is_entered(kernels):
    """A loop attached inside a run is the running loop from then on."""
    import asyncio

    from windtunnel.sim.loop import SimLoop

    kernel, seen = kernels.Kernel(1), []

    def begin():
        loop = SimLoop(kernel)
        loop.call_soon(lambda: seen.append(asyncio.get_running_loop() is loop))

    kernel.call_at(1.0, begin)
    kernel.run()
    assert seen == [True]
    with pytest.raises(AssertionError):
        SimLoop(kernel)


@pytest.mark.slow
def test_garbage_of_a_long_run_is_bounded(kernels):
    """The collector is off, yet cycles made by handlers are collected at fixed counts of events."""
    import weakref

    kernel = kernels.Kernel(1)
    alive = weakref.WeakSet()

    class Cycle:
        def __init__(self):
            self.me = self
            alive.add(self)

    def tick(i):
        if i % 1000 == 0:
            Cycle()
        if i < 300_000:
            kernel.call_later(0.001, tick, i + 1)

    kernel.call_soon(tick, 0)
    kernel.run()
    assert len(alive) < 100
