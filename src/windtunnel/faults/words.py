"""Faults in the words of a command line: `crash n1 at 12.5 for 2`, `cut isolate leader at 3 until 4.5`.

    VERB [WHAT] [NODES] [NAME=VALUE ...] [hold] [at T] [until T | for D | for ever]

WHAT is the shape of a cut, the mode of a disk. Groups are separated by `|`: `cut halves n1 n2 | n3 n4 n5`; a bridge has its
nodes before a colon: `cut bridge n3 : n1 n2 | n4 n5`; `cut one_way n1 to n2 n3`. `weather drop=0.2 slow_s=0.1`.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.base.units import seconds
from windtunnel.faults.plan import DISK_MODES, VERBS, Fault, Plan
from windtunnel.faults.shapes import SHAPES

TIMES = ("at", "until", "for")


def fault_from_words(text: str, at_s: float) -> Fault:
    """The fault that `text` describes; it begins at `at_s` if the text does not say when.

    Raises UsageError that says what was expected, for words that make no fault.
    """
    words, times = _split(text)
    verb, *rest = words or [""]
    if verb not in VERBS:
        raise UsageError(f"fault {text!r}: {unknown('verb', verb, VERBS)}")
    begin_s, until_s = times_of(times, at_s, None, text)
    row = {"at_s": begin_s, "until_s": until_s, "verb": verb, "args": _args(verb, rest, text)}
    return Plan.from_rows([row], f"fault {text!r}").faults[0]


def times_of(words: list[str], at_s: float, until_s: float | None, text: str) -> tuple[float, float | None]:
    """Begin and end of `at T`, `until T`, `for D`, `for ever`; what is not said stays at_s and until_s."""
    for name, value in zip(words[::2], [*words[1::2], ""][: len(words[::2])], strict=True):
        if not value:
            raise UsageError(f"fault {text!r}: a time is missing after {name!r}")
        if name == "at":
            at_s = seconds(value)
        elif name == "until":
            until_s = seconds(value)
    lengths = [value for name, value in zip(words[::2], words[1::2], strict=True) if name == "for"]
    for value in lengths:
        until_s = None if value == "ever" else round(at_s + seconds(value), 9)
    return at_s, until_s


def _split(text: str) -> tuple[list[str], list[str]]:
    """The words before the times, and the times."""
    words = text.replace("|", " | ").replace(":", " : ").split()
    first = next((i for i, word in enumerate(words) if word in TIMES), len(words))
    times = words[first:]
    wrong = next((word for word in times[::2] if word not in TIMES), None)
    if wrong is not None:
        raise UsageError(f"fault {text!r}: expected at, until or for; got {wrong!r}")
    return words[:first], times


def _args(verb: str, words: list[str], text: str) -> dict[str, Any]:
    args: dict[str, Any] = {}
    names: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            args[name] = value if name == "mode" else _number(name, value, text)
        elif word == "hold" and verb == "cut":
            args["hold"] = True
        else:
            names.append(word)
    if verb == "disk" and names and names[-1] in DISK_MODES:
        args["mode"] = names.pop()
    if verb == "cut":
        return {**args, **_cut(names, text)}
    return {**args, "nodes": names} if names else args


def _cut(words: list[str], text: str) -> dict[str, Any]:
    shape, *rest = words or [""]
    if shape not in SHAPES:
        raise UsageError(f"fault {text!r}: {unknown('shape', shape, SHAPES)}")
    args: dict[str, Any] = {"shape": shape}
    if ":" in rest:
        args["nodes"], rest = rest[: rest.index(":")], rest[rest.index(":") + 1 :]
    if "to" in rest:
        args["nodes"], args["to"] = rest[: rest.index("to")], rest[rest.index("to") + 1 :]
    elif "|" in rest:
        args["groups"] = [list(group) for bar, group in groupby(rest, lambda word: word == "|") if not bar]
    elif rest:
        args["nodes"] = rest
    return args


def _number(name: str, value: str, text: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"fault {text!r}: {name} is a number; got {value!r}") from None
