"""Random histories of any object, and the oracle for them: written anew, sharing nothing with the checkers.

An object is a pure function (state, f, value) -> (state, answer), as a textbook would have it.
"""

import heapq

from windtunnel.base.streams import Stream
from windtunnel.histories import History, Operation


def queue(state, f, value):
    if f == "enqueue":
        return (*state, value), None
    return (state[1:], state[0]) if state else (state, None)


def stack(state, f, value):
    if f == "push":
        return (*state, value), None
    return (state[:-1], state[-1]) if state else (state, None)


def priority_queue(state, f, value):
    if f == "insert":
        return tuple(sorted((*state, value))), None
    return (tuple(heapq.nsmallest(len(state), state)[1:]), min(state)) if state else (state, None)


def mutex(state, f, value):
    wanted = f == "release"
    return (f == "acquire", None) if bool(state) is wanted else (state, "refused")


def semaphore(state, f, value):
    amount = value or 1
    left = 2 - len(state) + (amount if f == "release" else -amount)
    return (state, "refused") if not 0 <= left <= 2 else ((0,) * (2 - left), None)


def fencing_lock(state, f, value):
    held, last = state or (False, 0)
    if (f == "acquire") is held:
        return state, "refused"
    return ((True, last + 1), last + 1) if f == "acquire" else ((False, last), None)


def elements(state, f, value):
    there = value in state
    if f == "read":
        return state, sorted(state)
    if f == "contains":
        return state, there
    if f == "add":
        return tuple(sorted({*state, value})), not there
    return tuple(x for x in state if x != value), there


def counter(state, f, value):
    total = sum(state)
    return ((total + value,), None) if f == "add" else (state, total)


def registers(state, f, value):
    store = dict(state)
    answer = []
    for kind, key, given in value:
        if kind == "write":
            store[key] = given
        answer.append([kind, key, store.get(key) if kind == "read" else given])
    return tuple(sorted(store.items())), answer


OBJECTS = {
    "queue": (queue, ("enqueue", "dequeue")),
    "stack": (stack, ("push", "pop")),
    "priority-queue": (priority_queue, ("insert", "take")),
    "mutex": (mutex, ("acquire", "release")),
    "semaphore": (semaphore, ("acquire", "release")),
    "fencing-lock": (fencing_lock, ("acquire", "release")),
    "set": (elements, ("add", "remove", "contains", "read")),
    "counter": (counter, ("add", "read")),
    "multi-register": (registers, ("txn",)),
}


def random_object_history(seed, name, *, operations=8, clients=3, crash=0.0, lie=0.0, unique=True, functions=None):
    """Clients work on a real object, so the history is legal, but for lies: answers that another operation might have got."""
    step, all_functions = OBJECTS[name]
    chosen_from = functions or all_functions
    stream = Stream(seed, f"object/{name}")
    state, history, working, position, fresh = (), [], {}, 0, clients
    processes = list(range(clients))
    while len(history) < operations or working:
        client = stream.below(clients)
        if client not in working:
            if len(history) >= operations:
                continue
            f = chosen_from[stream.below(len(chosen_from))]
            op = Operation(len(history), processes[client], f, None, _argument(stream, name, f, len(history), unique=unique))
            op.invoked, op.invoked_s = position, float(position)
            position += 1
            history.append(op)
            working[client] = [op, False]
            continue
        op, done = working[client]
        if stream.chance(crash):
            if not done and stream.chance(0.5):
                state, _ = step(state, op.f, op.value)
            op.type, op.error, op.result = "info", "timed out", None
            processes[client] = fresh
            fresh += 1
            del working[client]
        elif not done:
            state, op.result = step(state, op.f, op.value)
            working[client][1] = True
        else:
            op.type, op.completed, op.completed_s = "ok", position, float(position)
            position += 1
            del working[client]
            if op.result == "refused":
                op.type, op.result, op.error = "fail", None, "refused"
            elif stream.chance(lie):
                _lie(stream, name, op, history)
    return History(history)


def _argument(stream, name, f, number, *, unique):
    if f in ("enqueue", "push", "insert"):
        return (number * 7919 + 13) % 100003 if unique else 1 + stream.below(3)
    if name == "multi-register":
        kinds = [("read", "write")[stream.below(2)] for _ in range(1 + stream.below(2))]
        return [[kind, "xy"[stream.below(2)], stream.below(3) if kind == "write" else None] for kind in kinds]
    if name in ("set", "counter"):
        return None if f == "read" else 1 + stream.below(3)
    return (None, 1, 2)[stream.below(3)] if name == "semaphore" else None


def _lie(stream, name, op, history):
    put = [other.value for other in history if other.f in ("enqueue", "push", "insert")]
    if name in ("queue", "stack", "priority-queue") and op.f in ("dequeue", "pop", "take"):
        op.result = [None, *put][stream.below(1 + len(put))]
    elif name == "set":
        op.result = [x for x in range(1, 4) if stream.chance(0.5)] if op.f == "read" else stream.chance(0.5)
    elif name == "counter" and op.f == "read":
        op.result += 1 - stream.below(3)
    elif name == "multi-register":
        op.result = [[kind, key, stream.below(3) if kind == "read" else given] for kind, key, given in op.result]
    elif name == "fencing-lock" and op.f == "acquire":
        op.result = max(1, op.result + 1 - stream.below(3))
    elif name in ("mutex", "semaphore"):
        op.f = ("acquire", "release")[stream.below(2)]


def linearizable_object(name, history):
    """Whether some order of the answered operations, and of some unanswered ones, gives every answer: all orders are tried."""
    step = OBJECTS[name][0]
    left = [op for op in history if op.type != "fail"]
    return _some_order(step, name, (), left)


def _some_order(step, name, state, left):
    if all(op.type != "ok" for op in left):
        return True
    first = min(op.completed for op in left if op.type == "ok")
    for at, op in enumerate(left):
        if op.invoked > first:
            continue
        for after in _outcomes(step, name, state, op):
            if _some_order(step, name, after, left[:at] + left[at + 1 :]):
                return True
    return False


def _outcomes(step, name, state, op):
    """The states after an operation, if it can answer what it answered."""
    if name == "fencing-lock" and op.f == "acquire":  # any larger token is right
        held, last = state or (False, 0)
        if not held and (op.type == "info" or op.result > last):
            yield (True, last if op.type == "info" else op.result)
        return
    after, answer = step(state, op.f, op.value)
    if answer != "refused" and (op.type == "info" or answer == op.result):
        yield after
