"""The oracle: linearizability by trying every order. Shares nothing with the checker but the words of a history.

It is slow and plain on purpose: unanswered operations are each left out or put in, then all permutations that keep real time are
tried against a store written anew here.
"""

from itertools import combinations, permutations


def linearizable_by_brute_force(operations):
    """Whether some order of the operations keeps real time and is what a key-value store would do."""
    keys = {op.key for op in operations}
    return all(_one_key([op for op in operations if op.key == key and op.type != "fail"]) for key in keys)


def _one_key(operations):
    answered = [op for op in operations if op.type == "ok"]
    unanswered = [op for op in operations if op.type == "info" and op.f != "read"]
    for count in range(len(unanswered) + 1):
        for chosen in combinations(unanswered, count):
            if any(_legal(order) for order in permutations([*answered, *chosen])):
                return True
    return False


def _legal(order):
    for at, op in enumerate(order):
        for later in order[at + 1 :]:
            if later.type == "ok" and later.completed < op.invoked:
                return False
    value = None
    for op in order:
        if op.f == "read":
            if op.result != value:
                return False
        elif op.f == "write":
            value = op.value
        elif op.f == "append":
            value = (value or "") + op.value
        else:
            compared = value == op.value[0]
            if op.type == "ok" and op.result is not compared:
                return False
            if compared:
                value = op.value[1]
    return True
