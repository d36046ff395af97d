"""Unique ids, exactly-once effects and leases against trying every order of small histories; the oracles share no code."""

import os
from collections import Counter
from itertools import combinations, pairwise, permutations

import pytest

from windtunnel.base.streams import Stream
from windtunnel.checkers import check
from windtunnel.histories import History, Operation

CASES = int(os.environ.get("WINDTUNNEL_CASES", "20000"))


def placed(stream, operations, processes):
    """Random overlaps: each process one operation after another, positions and seconds are the same numbers."""
    working, position, queue = {}, 0, list(operations)
    while queue or working:
        process = stream.below(processes)
        if process in working:
            op = working.pop(process)
            if op.type == "info":
                continue
            op.completed, op.completed_s = position, float(position)
        elif queue:
            op = working[process] = queue.pop(0)
            op.process, op.invoked, op.invoked_s = process, position, float(position)
        else:
            continue
        position += 1 + stream.below(2)
    for index, op in enumerate(operations):
        op.index = index
    return History(operations)


def in_time(order):
    """Whether nothing comes before what had returned when it was invoked."""
    return not any(
        later.completed is not None and later.completed < op.invoked for at, op in enumerate(order) for later in order[at + 1 :]
    )


# --- Unique ids ---


def some_ids(seed):
    stream = Stream(seed, "ids")
    count = 1 + stream.below(6)
    spread = 12 if stream.chance(0.5) else 4
    plan = [Operation(n, 0, "generate", None, None, "info" if stream.chance(0.1) else "ok") for n in range(count)]
    history = placed(stream, plan, 1 + stream.below(3))
    for at, op in enumerate(plan):
        op.result = None if op.type == "info" else 3 * at + stream.below(spread) if spread == 4 else stream.below(spread)
    return history


def ids_may_be(history, level):
    """Whether some order that real time, or the sessions, allow lets a counter answer these ids."""
    answered = [op for op in history if op.type == "ok"]
    if len({op.result for op in answered}) < len(answered):
        return False
    if level == "unique":
        return True
    groups = (
        [answered] if level == "rising" else [[op for op in answered if op.process == p] for p in {op.process for op in answered}]
    )
    return all(
        any(in_time(order) and all(a.result < b.result for a, b in pairwise(order)) for order in permutations(ops))
        for ops in groups
    )


def compare_ids(seeds):
    seen = Counter()
    for seed in seeds:
        history = some_ids(seed)
        for level in ("unique", "session-rising", "rising"):
            if any(op.type == "ok" for op in history):
                expected = ids_may_be(history, level)
                assert check(history, "unique-ids", level=level).valid is expected, f"seed {seed} {level}"
                seen[level, expected] += 1
    return seen


# --- Exactly-once ---


def some_effects(seed):
    stream = Stream(seed, "effects")
    plan = []
    for index in range(2 + stream.below(5)):
        if stream.chance(0.55):
            kind = "info" if stream.chance(0.3) else "fail" if stream.chance(0.1) else "ok"
            plan.append(Operation(index, 0, "request", None, stream.below(2), kind))
        else:
            shown = [name for name in (0, 1) if stream.chance(0.6)]
            if shown and stream.chance(0.05):
                shown.append(shown[0])
            plan.append(Operation(index, 0, "effects", None, None, "ok", shown))
    return placed(stream, plan, 1 + stream.below(3))


def effects_may_be(history):
    """Whether for each id some order explains every read: an effect happens at the first attempt that gets through, and stays."""
    reads = [op for op in history if op.f == "effects"]
    for name in (0, 1):
        requests = [op for op in history if op.f == "request" and op.value == name and op.type != "fail"]
        sure, perhaps = [op for op in requests if op.type == "ok"], [op for op in requests if op.type == "info"]
        chosen = [part for count in range(len(perhaps) + 1) for part in combinations(perhaps, count)]
        if not any(_explains(order, name) for part in chosen for order in permutations([*sure, *part, *reads])):
            return False
    return True


def _explains(order, name):
    there = 0
    for op in order:
        if op.f == "request":
            there = 1
        elif op.result.count(name) != there:
            return False
    return in_time(order)


def _undecided(history):
    """A refused request that overlaps a read which shows it: it may have been undone later, so nothing is claimed."""
    return any(
        refused.type == "fail" and refused.completed > read.invoked and refused.value in read.result
        for refused in history
        for read in history
        if read.f == "effects" and refused.f == "request"
    )


def compare_effects(seeds):
    seen = Counter()
    for seed in seeds:
        history = some_effects(seed)
        if any(op.f == "effects" for op in history) and not _undecided(history):
            expected = effects_may_be(history)
            assert check(history, "exactly-once").valid is expected, f"seed {seed}"
            seen[expected] += 1
    return seen


# --- Leases ---


def some_leases(seed, grants):
    stream = Stream(seed, "leases")
    plan, token, tokens = [], 0, []
    for index in range(2 + stream.below(4)):
        f = "acquire" if not tokens else stream.choice(["acquire", "acquire", "release", "renew", "write"])
        if f == "acquire" and len(tokens) < grants:
            token += 1 if stream.chance(0.9) else -1
            tokens.append(token)
            plan.append(Operation(index, 0, f, None, {"ttl_s": 1 + stream.below(9)}, "ok", token))
        elif f != "acquire":
            wrong = f == "write" and stream.chance(0.1)
            kind = "ok" if stream.chance(0.8) else "info" if f == "release" else "fail"
            plan.append(Operation(index, 0, f, None, 99 if wrong else stream.choice(tokens), kind))
    return placed(stream, plan, 1 + stream.below(3))


def leases_may_be(history):
    """Whether a server with one lease at a time, and a resource with a fence, can have answered so: every order, earliest times.

    Early instants make leases end early and never hurt: if the earliest ones are too late in an order, all are.
    """
    sure = [op for op in history if op.type == "ok"]
    perhaps = [op for op in history if op.type == "info"]
    chosen = [part for count in range(len(perhaps) + 1) for part in combinations(perhaps, count)]
    return any(_served(order) for part in chosen for order in permutations([*sure, *part]))


def _served(order):
    now = ends = 0.0
    granted, used, held, lasts = [], 0, None, 0
    for op in order:
        now = max(now, op.invoked_s)
        if op.f == "acquire":
            if held is not None:
                now = max(now, ends)
            if granted and op.result <= granted[-1]:
                return False
            granted.append(op.result)
            held, lasts = op.result, op.value["ttl_s"]
            ends = now + lasts
        elif op.f == "renew":
            if held != op.value:
                return False
            ends = now + lasts
        elif op.f == "release":
            held = None if held == op.value else held
        elif op.value not in granted or op.value < used:
            return False
        else:
            used = op.value
        if op.completed_s is not None and now > op.completed_s:
            return False
    return True


def compare_leases(seeds):
    """What is called invalid no server can have answered; what no server can have answered is found nearly always.

    (A write or a release may show that a grant was made before it was answered: the checker does not conclude that.)
    """
    seen = Counter()
    for seed in seeds:
        grants = 2 + seed % 2
        history = some_leases(seed, grants)
        if not any(op.type == "ok" for op in history):
            continue
        found, possible = check(history, "lease"), leases_may_be(history)
        assert found.valid or not possible, f"seed {seed}: {found.why}"
        if grants == 2 and not any(op.f == "renew" for op in history):
            seen["missed"] += bool(found.valid and not possible)
        seen[possible] += 1
    assert seen["missed"] * 20 < seen[False]
    return seen


def test_ids_agree_with_trying_every_order():
    """At each level, both verdicts."""
    seen = compare_ids(range(700))
    assert all(seen[level, verdict] > 30 for level in ("unique", "session-rising", "rising") for verdict in (True, False))


def test_effects_agree_with_trying_every_order():
    """With retries, unanswered and refused requests, both verdicts."""
    seen = compare_effects(range(700))
    assert min(seen[True], seen[False]) > 60


def test_leases_agree_with_trying_every_order():
    """Grants, renewals, releases and writes at once."""
    seen = compare_leases(range(700))
    assert min(seen[True], seen[False]) > 60


@pytest.mark.campaign
@pytest.mark.skipif("WINDTUNNEL_CASES" not in os.environ, reason="WINDTUNNEL_CASES says how many")
@pytest.mark.parametrize("compare", [compare_ids, compare_effects, compare_leases])
def test_services_agree_with_trying_every_order_at_length(compare):
    """The same with as many histories as are asked for."""
    compare(range(1000, 1000 + CASES))
