"""Random histories for the tests of checkers: a real object behind random overlaps, and damage done to some of them."""

from windtunnel.base.streams import Stream
from windtunnel.histories import History, Operation

ALL = ("read", "write", "cas", "append")


def random_history(
    seed,
    *,
    operations=8,
    clients=3,
    values=3,
    keys=1,
    functions=("read", "write", "cas"),
    crash=0.1,
    lie=0.0,
    lies_max=1_000_000,
    unique=False,
):
    """Clients work on a real store: each operation takes effect at one instant between its events, so the history is legal.

    crash: chance that an operation is never answered (half of those take effect, perhaps after later operations). lie: chance
    that a read answers something else; such a history may still be legal by luck.
    """
    stream = Stream(seed, "history")
    store = {}
    history = []
    position = 0
    processes = list(range(clients))
    fresh = clients
    working = {}  # client -> [operation, whether it took effect]
    orphans = []  # unanswered operations that may yet take effect
    while len(history) < operations or working:
        client = stream.below(clients)
        if orphans and stream.chance(0.2):
            _apply(store, orphans.pop(stream.below(len(orphans))))
        if client not in working:
            if len(history) >= operations:
                continue
            f = stream.choice(functions)
            key = f"k{stream.below(keys)}" if keys > 1 else None
            op = Operation(len(history), processes[client], f, key, _argument(stream, f, functions, values, unique, len(history)))
            op.invoked = position
            op.invoked_s = float(position)
            position += 1
            history.append(op)
            working[client] = [op, False]
            continue
        op, done = working[client]
        if stream.chance(crash):
            if not done and stream.chance(0.5):
                orphans.append(op)
            op.type, op.result, op.error = "info", None, "timed out"
            processes[client] = fresh
            fresh += 1
            del working[client]
        elif not done:
            op.result = _apply(store, op)
            working[client][1] = True
            if op.f == "read" and lies_max > 0 and stream.chance(lie):
                op.result = _lie(stream, functions, values, unique, len(history))
                lies_max -= 1
        else:
            op.type, op.completed, op.completed_s = "ok", position, float(position)
            position += 1
            del working[client]
    return History(history)


def _argument(stream, f, functions, values, unique, number):
    if f == "read":
        return None
    if f == "append":
        return f"+{number}" if unique else "abcdefgh"[stream.below(values)]
    if f == "write":
        return _value(stream, functions, values, number if unique else None)
    if unique:
        return (
            _value(stream, functions, values, max(0, number - 1 - stream.below(4))),
            _value(stream, functions, values, number),
        )
    return (_value(stream, functions, values), _value(stream, functions, values))


def _value(stream, functions, values, number=None):
    """A value to write: a letter where texts are appended, a number elsewhere."""
    if number is None:
        number = stream.below(values)
        return "abcdefgh"[number] if "append" in functions else number
    return str(number) if "append" in functions else number


def _lie(stream, functions, values, unique, number):
    if "append" in functions:
        return "".join("abcdefgh"[stream.below(values)] for _ in range(stream.below(3))) or None
    return stream.below(max(1, number) if unique else values)


def _apply(store, op):
    before = store.get(op.key)
    if op.f == "read":
        return before
    if op.f == "write":
        store[op.key] = op.value
        return None
    if op.f == "append":
        store[op.key] = (before or "") + op.value
        return None
    if before != op.value[0]:
        return False
    store[op.key] = op.value[1]
    return True
