"""The oracles of weaker models of registers: the definitions, by trying every order. They share nothing with the checkers."""

from itertools import permutations

from windtunnel.base.streams import Stream
from windtunnel.histories import History, Operation


def any_registers(seed, *, operations=7, processes=3, keys=2, crash=0.0):
    """A random history of registers: reads answer anything that is written anywhere, or come from replicas that lag."""
    stream = Stream(seed, "weak")
    count = 2 + stream.below(operations - 1)
    lagging = stream.chance(0.6)
    logs = [[] for _ in range(processes)]  # what each process wrote, in order
    applied = [[0] * processes for _ in range(processes)]
    stores = [{} for _ in range(processes)]
    plan = []
    for index in range(count):
        process = stream.below(processes)
        key = "xyz"[stream.below(keys)]
        write = stream.chance(0.5)
        if write:
            operation = Operation(index, process, "write", key, index + 1, "ok")
            logs[process].append((key, index + 1))
            applied[process][process] += 1
            stores[process][key] = index + 1
        else:
            for other in range(processes):
                while applied[process][other] < len(logs[other]) and stream.chance(0.4):
                    k, v = logs[other][applied[process][other]]
                    stores[process][k] = v
                    applied[process][other] += 1
            operation = Operation(index, process, "read", key, None, "ok", stores[process].get(key))
        plan.append(operation)
    for operation in plan:
        written = [op.value for op in plan if op.f == "write" and op.key == operation.key]
        if operation.f == "read" and (not lagging or stream.chance(0.1)):
            operation.result = stream.choice([None, *written])
        if operation.f == "write" and stream.chance(crash):
            operation.type = "info" if stream.chance(0.7) else "fail"
    for operation in plan:
        operation.invoked, operation.completed = 2 * operation.index, 2 * operation.index + 1
    return History(plan, timed=False)


def kept(history):
    """The operations that count: no failed ones; unanswered writes if they were read."""
    read = {(op.key, op.result) for op in history if op.f == "read" and op.type == "ok"}
    return [op for op in history if op.type == "ok" or (op.type == "info" and op.f == "write" and (op.key, op.value) in read)]


def session_pairs(operations):
    """The order of the sessions, as pairs of indexes."""
    return {(a.index, b.index) for at, a in enumerate(operations) for b in operations[at + 1 :] if a.process == b.process}


def source_pairs(operations):
    """Reads-from, as pairs of indexes; None if a read shows what nobody wrote."""
    pairs = set()
    for read in operations:
        if read.f == "read" and read.result is not None:
            found = [op for op in operations if op.f == "write" and (op.key, op.value) == (read.key, read.result)]
            if not found:
                return None
            pairs.add((found[0].index, read.index))
    return pairs


def closed(pairs):
    """The transitive closure."""
    pairs = set(pairs)
    while True:
        more = {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs
        if not more:
            return pairs
        pairs |= more


def orders(operations, before):
    """All orders of the operations that keep some pairs."""
    for order in permutations(operations):
        at = {op.index: place for place, op in enumerate(order)}
        if all(at[a] < at[b] for a, b in before if a in at and b in at):
            yield order


def right(order, judged):
    """Whether those reads of an order show the last write before them."""
    store = {}
    for op in order:
        if op.f == "write":
            store[op.key] = op.value
        elif op.index in judged and store.get(op.key) != op.result:
            return False
    return True


def sequential(history):
    """Some order of all keeps the sessions, and is right."""
    operations = kept(history)
    reads = {op.index for op in operations}
    return any(right(order, reads) for order in orders(operations, session_pairs(operations)))


def _views(operations, before):
    for process in {op.process for op in operations}:
        mine = {op.index for op in operations if op.process == process}
        seen = [op for op in operations if op.f == "write" or op.index in mine]
        if not any(right(order, mine) for order in orders(seen, before)):
            return False
    return True


def pram(history):
    """Every process can order all writes and its reads, and keep the sessions."""
    operations = kept(history)
    return _views(operations, session_pairs(operations))


def causality(operations):
    """The causal order, or None if there is none."""
    sources = source_pairs(operations)
    if sources is None:
        return None
    pairs = closed(session_pairs(operations) | sources)
    return None if any(a == b for a, b in pairs) else pairs


def causal(history):
    """The same, and keep causality."""
    operations = kept(history)
    pairs = causality(operations)
    return pairs is not None and _views(operations, pairs)


def weak_causal(history):
    """Every read alone can order its causal past."""
    operations = kept(history)
    pairs = causality(operations)
    if pairs is None:
        return False
    for read in operations:
        past = [op for op in operations if op.f == "write" and (op.index, read.index) in pairs]
        if read.f == "read" and not any(right((*order, read), {read.index}) for order in orders(past, pairs)):
            return False
    return True


def causal_convergence(history):
    """One order of all writes keeps causality, and every read shows the last one of its causal past."""
    operations = kept(history)
    pairs = causality(operations)
    if pairs is None:
        return False
    reads = [op for op in operations if op.f == "read"]
    for order in orders([op for op in operations if op.f == "write"], pairs):
        if all(right((*[op for op in order if (op.index, r.index) in pairs], r), {r.index}) for r in reads):
            return True
    return False


def guarantee(history, model):
    """A session guarantee by its definition: per session an order of all writes that explains its reads.

    What is visible to each read is closed as the guarantee demands.

    In the order, writes of one session to one key are in the session's order. For monotonic writes and writes follow reads
    what a session has read stays visible to it.
    """
    operations = kept(history)
    if source_pairs(operations) is None:
        return False
    sources = {b: a for a, b in source_pairs(operations)}
    by_index = {op.index: op for op in operations}
    before = session_pairs(operations)
    writes = [op for op in operations if op.f == "write"]
    first = {(a, b) for a, b in before if by_index[a].f == by_index[b].f == "write"}
    given = {(a, b) for a, b in first if by_index[a].key == by_index[b].key}
    visible = {op.index: {sources[op.index]} & set(by_index) for op in operations if op.index in sources}
    visible |= {op.index: set() for op in operations if op.f == "read" and op.index not in sources}
    if model == "monotonic-writes":
        given |= first
    for _ in range(len(operations) + 1):
        for a, b in sorted(before):
            if by_index[b].f != "read":
                continue
            if model == "read-your-writes" and by_index[a].f == "write":
                visible[b].add(a)
            if model != "read-your-writes" and by_index[a].f == "read":
                visible[b] |= visible[a]
        for read in visible:
            for write in sorted(visible[read]):
                if model == "monotonic-writes":
                    visible[read] |= {a for a, b in first if b == write}
                if model == "writes-follow-reads":
                    for a, b in before:
                        if b == write and by_index[a].f == "read":
                            visible[read] |= _seen(by_index, sources, before, a)
    if model == "writes-follow-reads":
        given |= {(cause, op.index) for op in writes for cause in _needed(sources, before, op.index)}
    if any(a == b for a, b in given):
        return False
    return all(
        any(
            _all_shown([read for read in visible if by_index[read].process == process], visible, by_index, order) for order in fit
        )
        for fit in [list(orders(writes, given))]
        for process in {op.process for op in operations}
    )


def _all_shown(reads, visible, by_index, order):
    rank = {op.index: place for place, op in enumerate(order)}
    return all(_shows(by_index[read], visible[read], by_index, rank) for read in reads)


def _seen(by_index, sources, before, read):
    """What writes follow reads makes visible with what a read shows."""
    found, waiting = set(), [sources[read]] if read in sources else []
    while waiting:
        write = waiting.pop()
        if write not in found:
            found.add(write)
            waiting += [sources[a] for a, b in before if b == write and a in sources]
    return found


def _needed(sources, before, write):
    return {sources[a] for a, b in before if b == write and a in sources}


def _shows(read, visible, by_index, rank):
    mine = [by_index[index] for index in visible if by_index[index].key == read.key]
    if not mine:
        return read.result is None
    return max(mine, key=lambda op: rank[op.index]).value == read.result


def any_sets(seed, *, operations=8, processes=3, log=False):
    """A random history of one log or set at replicas that lag and sometimes forget."""
    stream = Stream(seed, "sets")
    replicas = [[], []]
    plan = []
    for index in range(2 + stream.below(operations - 1)):
        process, replica = stream.below(processes), stream.choice(replicas)
        if stream.chance(0.5):
            plan.append(Operation(index, process, "append" if log else "add", None, index, "ok"))
            replica.append(index)
        else:
            if stream.chance(0.5):
                missing = [value for other in replicas for value in other if value not in replica]
                replica += missing[: stream.below(3)]
            plan.append(Operation(index, process, "read", None, None, "ok", list(replica)))
        plan[-1].invoked, plan[-1].completed = 2 * index, 2 * index + 1
    return History(plan, timed=False)


def guarantee_in_sets(history, model):
    """The anomalies of Freitas et al., word by word."""
    operations = list(history)
    reads = [op for op in operations if op.f == "read"]
    adds = [op for op in operations if op.f != "read"]
    log = any(op.f == "append" for op in adds)

    def earlier(a, b):
        return a.process == b.process and a.index < b.index

    if model == "read-your-writes":
        return not any(earlier(w, r) and w.value not in r.result for w in adds for r in reads)
    if model == "monotonic-reads":
        return not any(earlier(a, b) and set(a.result) - set(b.result) for a in reads for b in reads)
    for read in reads:
        for last in adds:
            if last.value not in read.result:
                continue
            if model == "monotonic-writes":
                needed = [w.value for w in adds if earlier(w, last)]
            else:
                needed = [value for r in reads if earlier(r, last) for value in r.result]
            for value in needed:
                if value not in read.result or (log and read.result.index(value) > read.result.index(last.value)):
                    return False
    return True
