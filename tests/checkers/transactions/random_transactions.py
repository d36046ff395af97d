"""Random histories of transactions for the tests of isolation: small ones of any kind, and larger ones of simulated databases."""

from windtunnel.base.streams import Stream
from windtunnel.histories import History, Operation


def placed(plans, stream, *, crash=0.0):
    """Plans [(process, [micro ...], type)] as a history: each client one at a time, events of different clients in random order.

    crash: chance that a transaction is never answered, whatever its plan says.
    """
    by_client = {}
    for process, micros, kind in plans:
        by_client.setdefault(process, []).append((micros, kind))
    working, operations, position = {}, [], 0
    while by_client or working:
        clients = sorted({*by_client, *working})
        client = clients[stream.below(len(clients))]
        if client in working:
            operation, micros, kind = working.pop(client)
            if stream.chance(crash):
                kind = "info"
            operation.type, operation.completed = kind, position
            if kind == "ok":
                operation.result = micros
        else:
            micros, kind = by_client[client].pop(0)
            if not by_client[client]:
                del by_client[client]
            asked = [[f, key, None if f == "r" else value] for f, key, value in micros]
            operation = Operation(len(operations), client, "txn", None, asked, invoked=position)
            operations.append(operation)
            working[client] = (operation, micros, kind)
        position += 1
    return History(operations, timed=False)


def any_lists(seed, *, transactions=5, keys=2, length=3, damage=0.05):
    """Transactions of lists whose reads show any prefix of any order of the appends: all kinds of anomalies, and none."""
    stream = Stream(seed, "lists")
    count = 1 + stream.below(transactions)
    plans = []
    appended = {key: [] for key in range(keys)}
    for _ in range(count):
        micros = []
        for _ in range(1 + stream.below(length)):
            key = stream.below(keys)
            if stream.chance(0.5):
                value = len(appended[key]) + 1
                appended[key].append(value)
                micros.append(["append", key, value])
            else:
                micros.append(["r", key, None])
        plans.append([stream.below(3), micros, stream.choice(("ok",) * 8 + ("info", "fail"))])
    orders = {}
    for key, values in appended.items():
        order = list(values)
        if stream.chance(0.5):
            stream.shuffle(order)
        if stream.chance(0.3) and order:
            order.pop()
        orders[key] = order
    for _, micros, _ in plans:
        mine = {}
        for micro in micros:
            if micro[0] == "append":
                mine.setdefault(micro[1], []).append(micro[2])
                continue
            order = orders[micro[1]]
            own = mine.get(micro[1], [])
            if own and stream.chance(0.7):
                base = [value for value in order[: stream.below(len(order) + 1)] if value not in own]
                micro[2] = [*base, *own]
            else:
                micro[2] = order[: stream.below(len(order) + 1)]
            if stream.chance(damage):
                micro[2] = _damaged(stream, micro[2])
            if stream.chance(0.6):
                mine[micro[1]] = list(micro[2])
    return placed(plans, stream)


def _damaged(stream, values):
    kind = stream.below(4)
    if kind == 0:
        return [*values, 99]
    if kind == 1 and values:
        return [*values, values[0]]
    if kind == 2 and len(values) > 1:
        return values[::-1]
    return values[1:]


def any_registers(seed, *, transactions=5, keys=2, length=3, damage=0.03):
    """Transactions of registers whose reads answer anything that was ever written: all kinds of anomalies, and none."""
    stream = Stream(seed, "registers")
    plans = []
    written = {key: [] for key in range(keys)}
    update = stream.choice((0.0, 0.5, 1.0))
    for _ in range(1 + stream.below(transactions)):
        micros = []
        for _ in range(1 + stream.below(length)):
            key = stream.below(keys)
            if stream.chance(0.5):
                if stream.chance(update) and not any(f == "w" and k == key for f, k, _ in micros):
                    micros.append(["r", key, None])
                value = 10 * key + len(written[key]) + 1
                written[key].append(value)
                micros.append(["w", key, value])
            else:
                micros.append(["r", key, None])
        plans.append([stream.below(3), micros, stream.choice(("ok",) * 8 + ("info", "fail"))])
    for _, micros, _ in plans:
        mine = {}
        for micro in micros:
            if micro[0] == "w":
                mine[micro[1]] = micro[2]
            elif micro[1] in mine and stream.chance(0.9):
                micro[2] = mine[micro[1]]
            else:
                micro[2] = stream.choice((None, *written[micro[1]])) if not stream.chance(damage) else 99
                mine[micro[1]] = micro[2]
    return placed(plans, stream)


def database(
    seed,
    *,
    transactions=200,
    clients=5,
    keys=3,
    length=3,
    level="serializable",
    interface="list-append",
    crash=0.02,
    abort=0.05,
    blind=0.5,
    updates=0.0,
    writes_max=8,
):
    """What clients of a simulated database see. level: what the database keeps of it, and not more.

    strict: serial, each at an instant between its events. serializable: serial, in an order that may look into the past. si:
    snapshots of the latest state, first committer wins. stale-si: older snapshots. read-committed: each micro-operation by
    itself sees what is committed, and a written key stays locked. blind: chance of a write; updates: of a read of the key
    right before it. writes_max: then a key is replaced by a fresh one. crash: chance of no answer after a commit.
    """
    stream = Stream(seed, "database")
    store = {}  # key -> list of (commit number, list or value)
    active = list(range(keys))
    written = {}
    position, commits, value = 0, 0, 0
    operations, working = [], {}
    while len(operations) < transactions or working:
        client = stream.below(clients)
        if client not in working:
            if len(operations) >= transactions:
                client = sorted(working)[stream.below(len(working))]
            else:
                micros = []
                for _ in range(1 + stream.below(length)):
                    at = stream.below(keys)
                    if written.get(active[at], 0) >= writes_max:
                        active[at] = max(active) + 1
                    key = active[at]
                    if stream.chance(blind):
                        value += 1
                        written[key] = written.get(key, 0) + 1
                        if stream.chance(updates):
                            micros.append(["r", key, None])
                        micros.append(["append" if interface == "list-append" else "w", key, value])
                    else:
                        micros.append(["r", key, None])
                operation = Operation(len(operations), client, "txn", None, [list(micro) for micro in micros], invoked=position)
                position += 1
                operations.append(operation)
                back = stream.below(4) if level in ("serializable", "stale-si") else 0
                working[client] = _Working(operation, micros, max(0, commits - back))
                continue
        running = working[client]
        if running.done < len(running.micros):
            running.step(level, interface, store, running.micros[running.done])
            running.done += 1
            continue
        committed = not stream.chance(abort) and running.commits(level, interface, store)
        if committed:
            commits += 1
            for key, item in running.writes.items():
                store.setdefault(key, []).append((commits, item))
        del working[client]
        operation = running.operation
        if not stream.chance(crash):
            operation.type, operation.completed = "ok" if committed else "fail", position
            operation.result = running.micros if committed else None
            position += 1
    return History(operations, timed=False)


class _Working:
    """A transaction at work in the simulated database."""

    def __init__(self, operation, micros, snapshot):
        self.operation, self.micros, self.snapshot = operation, micros, snapshot
        self.done = 0
        self.reads, self.writes, self.locks = {}, {}, {}

    def step(self, level, interface, store, micro):
        versions = store.get(micro[1], [])
        latest = level in ("read-committed", "strict")
        seen = len(versions) if latest else sum(1 for number, _ in versions if number <= self.snapshot)
        current = versions[seen - 1][1] if seen else ([] if interface == "list-append" else None)
        if micro[1] in self.writes:
            current = self.writes[micro[1]]
        if micro[0] == "r":
            micro[2] = list(current) if interface == "list-append" else current
            self.reads.setdefault(micro[1], self.snapshot)
        else:
            self.locks.setdefault(micro[1], versions[-1][0] if versions else 0)
            self.writes[micro[1]] = [*current, micro[2]] if interface == "list-append" else micro[2]

    def commits(self, level, interface, store):
        newest = {key: versions[-1][0] for key, versions in store.items()}
        if level == "strict":  # all at once, now
            self.reads, self.writes = {}, {}
            for micro in self.micros:
                self.step(level, interface, store, micro)
            return True
        if level == "read-committed":
            return not any(newest.get(key, 0) > since for key, since in self.locks.items())
        if any(newest.get(key, 0) > self.snapshot for key in self.writes):
            return False
        return not (level == "serializable" and self.writes and any(newest.get(key, 0) > self.snapshot for key in self.reads))
