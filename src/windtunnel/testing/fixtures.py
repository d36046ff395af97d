"""Fixtures that ask for `world`: made anew for every seed, inside the simulation, on the host of the test; they may be async.

pytest makes its fixtures once, before any seed runs, in real time. That is right for a temporary directory or a client of a real
service, and impossible for whatever needs the world of a seed. So a fixture that asks for `world`, itself or through another, is
left out by pytest and made here, in the child. Its part after the `yield` runs at the end of the seed's test.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest


class Asked:
    """What such a fixture gets as `request`: the little of pytest's own that has a meaning inside a seed."""

    def __init__(self, item: pytest.Function, name: str, finish: Callable[[Callable[[], Any]], None]) -> None:
        self.node = item
        self.config = item.config
        self.fixturename = name
        self.function = item.function
        self.cls = item.cls
        self.instance = item.instance
        self.module = item.module
        self.scope = "function"
        self.addfinalizer = finish
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if name in params:
            self.param = params[name]


class Fixtures:
    """The fixtures of one seed's test."""

    def __init__(self, item: pytest.Function, world: Any) -> None:
        self._item = item
        self._world = world
        self._definitions = item._fixtureinfo.name2fixturedefs  # noqa: SLF001 - pytest offers no other way to the definitions
        self._values: dict[tuple[str, int], Any] = {}
        self._finishers: list[Callable[[], Any]] = []

    async def value(self, name: str, depth: int = 1) -> Any:
        """The value of a fixture; made by pytest already, or now. depth: 2 is the one that another of that name overrides."""
        if (name, depth) in self._values:
            return self._values[name, depth]
        if name not in worldly(self._item):
            return self._item.funcargs[name]
        definition = self._definitions[name][-depth]
        if is_ours(definition):
            value = self._world
        else:
            arguments = {}
            for argument in definition.argnames:
                if argument == "request":
                    arguments[argument] = Asked(self._item, name, self._finishers.append)
                else:
                    arguments[argument] = await self.value(argument, depth + 1 if argument == name else 1)
            value = await self._made(self._bound(definition.func), arguments)
        self._values[name, depth] = value
        return value

    async def close(self) -> None:
        """Run what stands after each `yield`, the last one first."""
        while self._finishers:
            done = self._finishers.pop()()
            if inspect.isawaitable(done):
                await done

    async def _made(self, function: Any, arguments: dict[str, Any]) -> Any:
        if inspect.isasyncgenfunction(function):
            values = function(**arguments)
            value = await anext(values)
            self._finishers.append(lambda: anext(values, None))
            return value
        if inspect.isgeneratorfunction(function):
            steps = function(**arguments)
            value = next(steps)
            self._finishers.append(lambda: next(steps, None))
            return value
        value = function(**arguments)
        return await value if inspect.iscoroutine(value) else value

    def _bound(self, function: Any) -> Any:
        """The method of this test's own instance where pytest found one of a class."""
        instance, owner = self._item.instance, getattr(function, "__self__", None)
        if instance is not None and owner is not None and isinstance(instance, type(owner)):
            return function.__func__.__get__(instance)
        return function


def is_ours(definition: Any) -> bool:
    """Whether a fixture is the `world` of the plugin."""
    return getattr(definition.func, "__module__", None) == "windtunnel.testing.plugin"


def worldly(item: pytest.Function) -> frozenset[str]:
    """The names of the fixtures of `item` that need the world, directly or not."""
    known: frozenset[str] | None = item.__dict__.get("_windtunnel_worldly")
    if known is None:
        definitions = item._fixtureinfo.name2fixturedefs  # noqa: SLF001
        needs = {name for name, found in definitions.items() if any(map(is_ours, found))}
        while more := {
            name
            for name, found in definitions.items()
            if name not in needs and any(argument in needs for definition in found for argument in definition.argnames)
        }:
            needs |= more
        known = frozenset(needs)
        item.__dict__["_windtunnel_worldly"] = known
    return known


def stranded(item: pytest.Function) -> list[str]:
    """Coroutine fixtures that do not ask for the world: no event loop of this test could run them."""
    return [
        name
        for name, found in item._fixtureinfo.name2fixturedefs.items()  # noqa: SLF001
        if name not in worldly(item)
        and name in item.fixturenames
        and (inspect.iscoroutinefunction(found[-1].func) or inspect.isasyncgenfunction(found[-1].func))
    ]
