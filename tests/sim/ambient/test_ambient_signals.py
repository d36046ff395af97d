"""Signals of hosts: none of them reaches the real process."""

# ruff: noqa: PLW0108 - a lambda looks the name up when the call is made, not when the test is collected

import asyncio
import os
import signal

import pytest

from windtunnel.base.errors import Escaped, UsageError


def test_a_python_handler_runs_at_a_step_on_the_host(sim, host):
    """`deliver` from outside: the handler gets number and frame, later, in the host's context."""
    got = []
    real = signal.getsignal(signal.SIGTERM)

    async def main():
        before = signal.signal(signal.SIGTERM, lambda signum, frame: got.append((signum, frame is not None, os.getpid())))
        assert before is signal.SIG_DFL
        assert host.process.deliver(signal.SIGTERM)
        assert got == []
        await asyncio.sleep(0.001)
        return signal.getsignal(signal.SIGTERM)

    assert callable(sim.run(host, main))
    assert got == [(signal.SIGTERM, True, 1000)]
    assert signal.getsignal(signal.SIGTERM) is real


def test_a_loop_handler_runs_as_a_callback(sim, host):
    """`add_signal_handler` replaces a Python handler; removing it restores the default."""
    got = []

    async def main():
        loop = asyncio.get_running_loop()
        signal.signal(signal.SIGINT, lambda *_: got.append("python"))
        loop.add_signal_handler(signal.SIGINT, got.append, "loop")
        assert callable(signal.getsignal(signal.SIGINT))
        os.kill(os.getpid(), signal.SIGINT)
        assert got == []
        await asyncio.sleep(0.001)
        assert got == ["loop"]
        assert loop.remove_signal_handler(signal.SIGINT)
        assert not loop.remove_signal_handler(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    sim.run(host, main)
    assert host.defaults == []


def test_what_asyncio_refuses_is_refused(sim, host):
    """The same errors as on a real loop."""

    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(TypeError, match="coroutines"):
            loop.add_signal_handler(signal.SIGTERM, main)
        with pytest.raises(TypeError, match="int"):
            loop.add_signal_handler("TERM", print)
        with pytest.raises(ValueError, match="invalid signal"):
            loop.add_signal_handler(1000, print)
        with pytest.raises(RuntimeError, match="cannot be caught"):
            loop.add_signal_handler(signal.SIGKILL, print)
        with pytest.raises(ValueError, match="out of range"):
            signal.signal(1000, signal.SIG_IGN)
        with pytest.raises(ValueError, match="out of range"):
            signal.getsignal(0)
        with pytest.raises(TypeError, match="callable"):
            signal.signal(signal.SIGTERM, "ignore")
        with pytest.raises(OSError, match="Invalid argument"):
            signal.signal(signal.SIGSTOP, signal.SIG_IGN)

    sim.run(host, main)


def test_without_a_handler_the_default_is_the_hosts_business(sim, host):
    """SIGTERM and SIGINT unhandled are told to the host, which acts as the system would; ignored ones are nobody's."""

    async def main():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        os.kill(0, signal.SIGTERM)
        os.kill(os.getpid(), 0)
        signal.raise_signal(signal.SIGPIPE)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.killpg(0, signal.SIGTERM)

    sim.run(host, main)
    assert host.defaults == [signal.SIGTERM, signal.SIGINT, signal.SIGTERM]


def test_a_signal_to_oneself_is_handled_at_once(sim, host):
    """`raise_signal` returns after the handler, and what that raises comes out of it."""

    def main():
        got = []
        signal.signal(signal.SIGUSR1, lambda signum, _: got.append(signum))
        signal.raise_signal(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert got == [signal.SIGUSR1] * 2
        signal.signal(signal.SIGUSR1, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            signal.raise_signal(signal.SIGUSR1)
        with pytest.raises(ProcessLookupError):
            os.kill(1, signal.SIGTERM)

    sim.run(host, main)


def test_a_handler_that_interrupts_interrupts_its_host(sim, host):
    """KeyboardInterrupt from a handler must not look like a Ctrl-C at the real keyboard."""

    async def main():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        assert not host.process.deliver(signal.SIGTERM)

        def handler(_signum, _frame):
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, handler)
        assert host.process.deliver(signal.SIGTERM)
        await asyncio.sleep(0.001)

    sim.run(host, main)
    assert host.defaults == [signal.SIGINT]


def test_signals_are_per_host_and_life(sim):
    """A neighbour's handlers are its own; the next process starts without any; a host that is down hears nothing."""
    a, b = sim.host("a"), sim.host("b")
    sim.run(a, lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
    assert a.process.deliver(signal.SIGTERM)
    assert not b.process.deliver(signal.SIGTERM)
    process = a.process
    a.crash()
    assert process.deliver(signal.SIGTERM)
    a.start()
    assert not a.process.deliver(signal.SIGTERM)
    assert not a.process.deliver(signal.SIGKILL)
    with pytest.raises(UsageError, match="number of a signal"):
        a.process.deliver(1000)


def test_a_dead_hosts_handler_does_not_run(sim, host):
    """A signal that is on its way when the power goes is lost."""
    got = []
    sim.run(host, lambda: signal.signal(signal.SIGTERM, lambda *_: got.append(1)))
    host.process.deliver(signal.SIGTERM)
    host.crash()
    sim.kernel.run()
    assert got == []


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("alarm", lambda: signal.alarm(1)),
        ("setitimer", lambda: signal.setitimer(signal.ITIMER_REAL, 1.0)),
        ("pause", lambda: signal.pause()),
        ("sigwait", lambda: signal.sigwait([signal.SIGTERM])),
        ("sigtimedwait", lambda: signal.sigtimedwait([signal.SIGTERM], 1.0)),
        ("pthread_sigmask", lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_waiting_and_timed_signals_are_refused(sim, host, name, call):
    """Each by name."""
    with pytest.raises(Escaped, match=f"signal.{name}"):
        sim.run(host, call)


def test_asyncios_own_plumbing_is_harmless(sim, host):
    """Wake-up descriptors and interrupted calls have no meaning here; setting them does nothing."""

    def main():
        assert signal.set_wakeup_fd(-1) == -1
        signal.siginterrupt(signal.SIGTERM, False)

    sim.run(host, main)
