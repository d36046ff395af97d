"""CPython's own tests of asyncio, run on the simulated loop: `python tests/ecosystem/cpython_suite.py test_tasks ...`.

The modules are those installed with this Python, `test.test_asyncio.*`. Nothing of them is changed but the loop: a policy makes
simulated ones, and the two places where the tests construct a particular loop of their own are given ours. What
cannot apply is listed in `NOT_APPLICABLE` with the reason; such tests are not run, and everything else counts.
"""

import asyncio
import fnmatch
import importlib
import logging
import sys
import unittest
import warnings
from collections import Counter

from windtunnel.sim import World
from windtunnel.sim.life import LIFE
from windtunnel.sim.loop import SimLoop
from windtunnel.sim.machines import parts

GROUPS = (
    "test_tasks",
    "test_futures",
    "test_queues",
    "test_locks",
    "test_taskgroups",
    "test_timeouts",
    "test_waitfor",
    "test_pep492",
    "test_context",
    "test_runners",
    "test_threads",
    "test_streams",
    "test_sslproto",
    "test_server",
    "test_buffered_proto",
    "test_events",
)

DEBUG = "debug mode: it measures real time and records where things were made; the simulated loop has none"
SIGNALS = "real signals, descriptors or processes: the host's are virtual, or refused"
OUTSIDE = "its server is a thread with blocking sockets, or a socket made outside of a host"
ELSEWHERE = "the same test with another selector, or of another part of asyncio"
LOGGED = "what nobody took goes to the log of the world, not to asyncio's logger"
BLOCKS = "time.sleep, which is refused in the loop"
THREADS = "real threads: simulated code has none"
PRIVATE = "a private attribute of CPython's own handles or loop"

NOT_APPLICABLE = (
    ("*.test_*_debug", DEBUG),
    ("*.test_future_repr", DEBUG),
    ("*.test_*_source_traceback", DEBUG),
    ("test_tasks.*.test_log_destroyed_pending_task", DEBUG),
    ("test_tasks.*.test_sleep_cancel", PRIVATE),
    ("test_tasks.CoroutineGatherTests.test_issue46672", PRIVATE),
    ("test_tasks.*.test_stop_while_run_in_complete", "expects the clock of the suite's own loop, which is a step ahead"),
    ("test_futures.*.test_future_exception_never_retrieved", LOGGED),
    ("test_futures.*.test_tb_logger_exception_unretrieved", LOGGED),
    ("test_events.PollEventLoopTests.*", ELSEWHERE),
    ("test_events.SelectEventLoopTests.*", ELSEWHERE),
    ("test_events.HandleTests.*", ELSEWHERE),
    ("test_events.TimerTests.*", ELSEWHERE),
    ("test_events.PolicyTests.*", ELSEWHERE),
    ("test_events.*GetEventLoop*", ELSEWHERE),
    ("test_events.Abstract*", ELSEWHERE),
    ("test_events.TestAbstract*", ELSEWHERE),
    ("test_events.TestServer.*", ELSEWHERE),
    ("test_events.*threadsafe*", THREADS),
    ("test_events.*signal*", SIGNALS),
    ("test_events.*subprocess*", SIGNALS),
    ("test_events.*reader_callback", SIGNALS),
    ("test_events.*writer_callback", SIGNALS),
    ("test_events.*pipe*", SIGNALS),
    ("test_events.*pty*", SIGNALS),
    ("test_events.*.test_*_fds_after_closing", SIGNALS),
    ("test_events.*.test_close", SIGNALS),
    ("test_events.*.test_*connect_accepted_socket*", OUTSIDE),
    ("test_events.*.test_create_connection", OUTSIDE),
    ("test_events.*.test_create_*_connection", OUTSIDE),
    ("test_events.*.test_create_server*", OUTSIDE),
    ("test_events.*.test_create_unix_server", OUTSIDE),
    ("test_events.*.test_server_close", OUTSIDE),
    ("test_events.*.test_create_datagram_endpoint*", PRIVATE),
    ("test_events.*.test_prompt_cancellation", PRIVATE),
    ("test_events.*.test_timeout_rounding", PRIVATE),
    ("test_events.*.test_run_in_executor", THREADS),
    ("test_streams.*.test_async_writer_api*", OUTSIDE),
    ("test_streams.*.test_open*", OUTSIDE),
    ("test_streams.*.test_drain_raises", OUTSIDE),
    ("test_streams.*resource_warnings", OUTSIDE),
    ("test_streams.*.test_wait_closed_on_close*", OUTSIDE),
    ("test_streams.*.test_read_all_from_pipe_reader", SIGNALS),
    ("test_streams.*.test_unhandled_exceptions", "a race: it ends before a server that is 20 microseconds away has accepted"),
    ("test_timeouts.*.test_nested_timeouts_loop_busy", BLOCKS),
    ("test_timeouts.*.test_nested_timeouts_concurrent", BLOCKS),
    ("test_tasks.RunCoroutineThreadsafeTests.test_*", THREADS),
)
"""Pairs of a pattern of test identifiers and the reason why they say nothing about a simulated loop."""


class TestedLoop(SimLoop):
    """The loop of a world of its own, whose code runs on its host "test"; and what CPython's tests call to step theirs."""

    world = None
    _switch = None
    _default_executor = None

    def _come_home(self, context=None):
        """Put the caller, or `context`, on the host, unless it is on one of this world."""
        life = LIFE.get() if context is None else context.get(LIFE)
        if life is None or life.host.world is not self.world:
            put = LIFE.set if context is None else lambda home: context.run(LIFE.set, home)
            put(self.world.hosts["test"].life)

    def create_task(self, coro, *, context=None, **options):
        """As ever, on the host."""
        self._come_home(context)
        return super().create_task(coro, context=context, **options)

    def run_until_complete(self, future):
        """As ever, on the host."""
        self._come_home()
        return super().run_until_complete(future)

    def run_forever(self):
        """As ever, on the host."""
        self._come_home()
        return super().run_forever()

    def enter(self):
        """A run begins: the host has its clocks, files and sockets."""
        self._switch = parts.switched_on(self.world)
        self._switch.__enter__()
        super().enter()

    def leave(self):
        """A run ends."""
        super().leave()
        self._switch.__exit__(None, None, None)

    @property
    def _ready(self):
        """Empty, once everything that is due now was run."""
        self.kernel.run(until=self.kernel.now)
        return ()

    def _run_once(self):
        """Run what is due now."""
        self.kernel.run(until=self.kernel.now)

    def advance_time(self, _seconds):
        """Virtual time has moved by itself."""


class Policy(asyncio.DefaultEventLoopPolicy):
    """Makes simulated loops, one kernel each."""

    def new_event_loop(self):
        """A fresh loop."""
        return new_loop()


def new_loop(*_args):
    """A simulated loop on a kernel of its own."""
    world = World(1, background="log", escapes="raise")
    loop = world.loop
    loop.__class__ = TestedLoop
    loop.world = world
    loop._come_home()
    return loop


def with_our_loop(module):
    """Give the test classes of a module our loop where they make one themselves."""
    utils = importlib.import_module("test.test_asyncio.utils")

    def new_test_loop(self, _times=None):
        loop = new_loop()
        self.set_event_loop(loop)
        return loop

    utils.TestCase.new_test_loop = new_test_loop
    utils.TestCase.close_loop = staticmethod(lambda loop: loop.close())
    for found in vars(module).values():
        if isinstance(found, type) and "create_event_loop" in vars(found):
            found.create_event_loop = new_loop
    return module


def flat(suite):
    """The tests of a suite, one by one."""
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flat(item)
        else:
            yield item


class Quiet(unittest.TestResult):
    """Collects what happened to each test."""

    def __init__(self):
        super().__init__()
        self.outcomes = {}

    def startTest(self, test):  # noqa: N802 - the name that unittest calls
        """Passed, unless told otherwise."""
        super().startTest(test)
        self.outcomes[test.id()] = ("passed", "")

    def _note(self, test, outcome, error):
        last = "".join(str(error[1]).splitlines()[:1]) if isinstance(error, tuple) else str(error)
        kind = f"{error[0].__name__}: " if isinstance(error, tuple) else ""
        self.outcomes[getattr(test, "test_case", test).id()] = (outcome, (kind + last)[:160])

    def addError(self, test, err):  # noqa: N802
        """Raised something."""
        super().addError(test, err)
        self._note(test, "failed", err)

    def addFailure(self, test, err):  # noqa: N802
        """An assertion did not hold."""
        super().addFailure(test, err)
        self._note(test, "failed", err)

    def addSkip(self, test, reason):  # noqa: N802
        """The suite itself skips it here."""
        super().addSkip(test, reason)
        self._note(test, "skipped", reason)

    def addSubTest(self, test, subtest, err):  # noqa: N802
        """Part of a test."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, "failed", err)


def reason_against(name):
    """Why a test does not apply here, or None."""
    short = name.removeprefix("test.test_asyncio.")
    return next((why for pattern, why in NOT_APPLICABLE if fnmatch.fnmatchcase(short, pattern)), None)


def run(group):
    """Identifier -> (outcome, detail) of each test of one module; outcomes: passed, failed, skipped, not applicable."""
    module = with_our_loop(importlib.import_module(f"test.test_asyncio.{group}"))
    tests = list(flat(unittest.defaultTestLoader.loadTestsFromModule(module)))
    result = Quiet()
    for test in tests:
        why = reason_against(test.id())
        if why is None:
            test.run(result)
        else:
            result.outcomes[test.id()] = ("not applicable", why)
    return result.outcomes


def main(groups):
    """Print the counts of each group, what failed, and why others do not apply."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    failed = 0
    for group in groups or GROUPS:
        asyncio.set_event_loop_policy(Policy())  # test_runners takes it away
        outcomes = run(group)
        counts = Counter(outcome for outcome, _ in outcomes.values())
        failed += counts["failed"]
        kinds = (f"{counts[kind]:4} {kind}" for kind in ("passed", "failed", "skipped", "not applicable"))
        lines = [f"{group:18} {' '.join(kinds)}"]
        for name, (outcome, detail) in outcomes.items():
            if outcome == "failed":
                lines.append(f"    {name.removeprefix('test.test_asyncio.')}: {detail}")
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
