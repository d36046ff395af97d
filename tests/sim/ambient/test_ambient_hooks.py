"""How functions are redirected, and given back."""

# ruff: noqa: PLW0108 - a lambda looks the name up when the call is made, not when the test is collected
# ruff: noqa: PTH109, PTH116 - the functions of os are the subject

import functools
import gc
import importlib
import os
import random
import sys
import threading
import time

import pytest
from ambient_machines import needs_native

from windtunnel.sim import ambient
from windtunnel.sim.ambient import catalogue, switch
from windtunnel.sim.ambient.imports import Arrivals


@pytest.fixture
def hooked(sim, host):
    """Makes a hook of a builtin and runs something under it on a host."""

    def run(target, handler, work, **options):
        ambient.install()
        assert switch.native.hook(target, handler, **options)
        return sim.run(host, work)

    return run


def test_without_native_hooks_the_loss_is_named(sim, host):
    """Everything is reached natively; the fallback says what it cannot reach."""
    sim.run(host, time.time)
    lost = set(catalogue.unreached())
    if ambient.HOOKS == "native":
        assert lost == set()
        assert switch.native.hooked() > 80
    else:
        assert lost == {
            "_queue.get",
            "_thread.__enter__",
            "_thread.acquire",
            "_thread.acquire_lock",
            "datetime.datetime.now",  # replaced instead
            "datetime.datetime.utcnow",
            "select.epoll.poll",
            "select.poll",
        }


@needs_native
@pytest.mark.parametrize(
    ("target", "call", "arguments"),
    [
        (os.getpid, lambda: os.getpid(), ((), {})),  # METH_NOARGS
        (os.strerror, lambda: os.strerror(5), ((5,), {})),  # METH_O or fast
        (sys.intern, lambda: sys.intern("x"), (("x",), {})),
        (time.strptime, lambda: time.strptime("1", "%H"), (("1", "%H"), {})),  # METH_VARARGS
        (os.stat, lambda: os.stat(".", follow_symlinks=False), ((".",), {"follow_symlinks": False})),  # fast, named
        (os.open, lambda: os.open("a", 0, mode=0o600, dir_fd=None), (("a", 0), {"mode": 0o600, "dir_fd": None})),
        (int.__dict__["to_bytes"], lambda: (5).to_bytes(length=2, byteorder="big"), ((5,), {"length": 2, "byteorder": "big"})),
        (dict.__dict__["fromkeys"], lambda: dict.fromkeys("ab", 1), ((dict, "ab", 1), {})),  # METH_CLASS
        (str.__dict__["format"], lambda: "{x}".format(x=1), (("{x}",), {"x": 1})),  # noqa: UP032 # METH_VARARGS, METH_KEYWORDS
        (str.__dict__["format"], lambda: "{}".format(2), (("{}", 2), {})),  # noqa: UP032
    ],
)
def test_every_calling_convention_brings_its_arguments(hooked, host, target, call, arguments):
    """The handler gets the host, self of a method, then what was passed, by position and by name."""
    got = []

    def handler(*args, **options):
        got.append((args, options))
        return "answer"

    args, options = arguments
    assert hooked(target, handler, call) == "answer"
    assert got == [((host, *args), options)]


@needs_native
def test_a_function_of_a_class_with_its_defining_class_is_hooked(hooked, host):
    """METH_METHOD: `SimpleQueue.put` of the C module, with many arguments by name."""
    simple = importlib.import_module("_queue").SimpleQueue
    item = simple()
    put = vars(simple)["put"]
    answer = hooked(put, lambda *args, **options: (args, options), lambda: item.put(1, block=False, timeout=2))
    assert answer == ((host, item, 1), {"block": False, "timeout": 2})


@needs_native
def test_many_arguments_fit(hooked, host):
    """More than the room on the stack."""
    count = 40
    numbers = tuple(range(count))
    handler = lambda _host, *args, **options: (args[1:], options)  # noqa: E731
    answer = hooked(vars(str)["format"], handler, lambda: "{}".format(*numbers, **NAMED))
    assert answer == (numbers, NAMED)


NAMED = {f"n{i}": i for i in range(30)}


@needs_native
def test_passing_calls_the_original_with_the_same_arguments(hooked):
    """NotImplemented from the handler is "as if I were not there", for every convention."""
    pass_on = lambda *_args, **_options: NotImplemented  # noqa: E731
    assert hooked(os.getcwd, pass_on, lambda: os.getcwd()) == os.getcwd()
    assert hooked(vars(str)["format"], pass_on, lambda: "{}{x}".format(1, x=2)) == "12"  # noqa: UP032
    assert hooked(vars(int)["to_bytes"], pass_on, lambda: (5).to_bytes(2, byteorder="big")) == b"\x00\x05"
    assert hooked(vars(dict)["fromkeys"], pass_on, lambda: dict.fromkeys("a", 1)) == {"a": 1}
    assert hooked(time.strptime, pass_on, lambda: time.strptime("7", "%H").tm_hour) == 7


@needs_native
def test_exceptions_of_handlers_propagate(hooked):
    """Whatever the handler raises comes out of the builtin."""
    with pytest.raises(ZeroDivisionError):
        hooked(os.getcwd, lambda _host: 1 / 0, lambda: os.getcwd())
    with pytest.raises(TypeError, match="takes 0 positional"):
        hooked(os.getcwd, lambda: None, lambda: os.getcwd())


@needs_native
def test_only_the_meant_object_is_redirected(hooked, host):
    """With `only`, calls on any other object do not even reach the handler."""
    mine, other = random.Random(1), random.Random(1)
    random_of = vars(importlib.import_module("_random").Random)["random"]
    answer = hooked(random_of, lambda host, _self: host, lambda: (mine.random(), other.random()), only=mine)
    assert answer[0] is host
    assert answer[1] == random.Random(1).random()


@needs_native
def test_what_cannot_be_hooked_is_refused():
    """Python functions, types, bound methods of builtins, and conventions that do not exist: False, and nothing happens."""
    for target in (os.path.join, int, [].append, functools.partial(print), "time", None):
        assert not switch.native.hook(target, print)


@needs_native
def test_references_are_kept_and_given_back(hooked):
    """Ten thousand calls through a hook leave the counts of handler, arguments and results where they were."""

    class Thing:
        pass

    argument, result = Thing(), Thing()

    def handler(_host, _self, *_args, **_options):
        return result

    def work():
        for _ in range(10_000):
            ""
            ""
        with pytest.raises(KeyError):
            raising()

    def raising():
        for _ in range(100):
            "{missing}".format()  # noqa: F524

    ambient.install()
    counts = sys.getrefcount(argument), sys.getrefcount(result)
    passing = lambda *args, **options: handler(*args, **options) if len(args) > 2 else NotImplemented  # noqa: E731
    before = sys.getrefcount(passing)
    hooked(vars(str)["format"], passing, work)
    gc.collect()
    assert (sys.getrefcount(argument), sys.getrefcount(result)) == counts
    assert sys.getrefcount(passing) == before + 1
    ambient.uninstall()
    assert sys.getrefcount(passing) == before


@needs_native
def test_a_handler_may_take_the_hooks_away(hooked):
    """Uninstalling from inside a handler: the call that is on its way ends well."""

    def handler(_host):
        switch.native.unhook()
        return NotImplemented

    assert hooked(os.getcwd, handler, lambda: os.getcwd()) == os.getcwd()
    assert switch.native.hooked() == 0


@needs_native
def test_slots_are_limited_and_said():
    """When every slot is taken, hooking fails instead of writing beyond them."""
    names = [name for name in dir(os) if isinstance(getattr(os, name), type(os.getpid))]
    methods = [item for item in vars(str).values() if isinstance(item, type(str.join))]
    pass_on = lambda *_args, **_options: NotImplemented  # noqa: E731
    done = [switch.native.hook(item, pass_on) for item in [getattr(os, name) for name in names] + methods]
    try:
        assert switch.native.hooked() == 128
        assert False in done
        assert ["a", "b"] == ["a", "b"]
    finally:
        switch.native.unhook()


def test_other_threads_run_undisturbed(sim, host):
    """Threads of the real program that call hooked functions all the while see the real world only, and nothing crashes."""
    seen, stop = [], threading.Event()

    def busy():
        while not stop.is_set():
            seen.append((os.getpid(), time.time() > 0, random.random() < 1.0))
            del seen[:-100]

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            assert sim.run(host, lambda: [os.getpid() for _ in range(2000)]) == [1000] * 2000
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {pid for pid, _, _ in seen} == {os.getpid()}


def test_modules_that_come_later_are_hooked_when_they_come(sim, host, tmp_path, monkeypatch):
    """A module that is imported in a run, or between runs, is told of; its loader and spec are its own."""
    (tmp_path / "awaited_module.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    told = []
    arrivals = Arrivals(told.append)
    arrivals.awaited = {"awaited_module"}
    monkeypatch.setattr(sys, "meta_path", [arrivals, *sys.meta_path])
    module = importlib.import_module("awaited_module")
    assert told == ["awaited_module"]
    assert module.__loader__ is module.__spec__.loader
    assert module.__loader__.get_source("awaited_module") == "VALUE = 1\n"
    assert arrivals.find_spec("awaited_module") is None
    assert arrivals.awaited == set()
    arrivals.awaited = {"there_is_no_such_module"}
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("there_is_no_such_module")
    del sys.modules["awaited_module"]


def test_installing_twice_is_installing_once(sim, host):
    """And uninstalling what is not installed is nothing."""
    ambient.uninstall()
    ambient.install()
    ambient.install()
    finders = [finder for finder in sys.meta_path if isinstance(finder, Arrivals)]
    assert len(finders) == 1
    ambient.uninstall()
    ambient.uninstall()
    assert not [finder for finder in sys.meta_path if isinstance(finder, Arrivals)]
    with pytest.raises(AssertionError, match="active"), ambient.installed():
        ambient.uninstall()


def test_a_clock_in_the_body_of_a_class_stays_a_function(sim, host):
    """With hooks installed, a builtin in a class body does not turn into a method."""
    ambient.install()

    class Reader:
        clock = time.monotonic

    assert Reader().clock() > 0.0
    assert "monotonic" in repr(Reader.clock)
    assert sim.run(host, Reader().clock) == 0.0
