"""Single servers on recording outboxes: what the tests of the handlers share."""

from windtunnel.base.interface import Op, Request
from windtunnel.base.outbox import Apply, Checkpoint, Persist, RecordingOutbox, Reply, Send, SetTimer
from windtunnel.base.system import Setup
from windtunnel.systems.consensus.raft import SYSTEM
from windtunnel.systems.consensus.raft.election import PreVote, Vote
from windtunnel.systems.consensus.raft.log import Append, Entry, HardState
from windtunnel.systems.consensus.raft.snapshots import Appended
from windtunnel.systems.consensus.raft.state import LEADER, Options

FIVE = ("s1", "s2", "s3", "s4", "s5")
LONG_AFTER_S = 10.0  # on the clock of every server: nobody is loyal to anybody


def entries(*terms):
    """One entry per term, each with a command of its own."""
    return tuple(Entry(term, Request(f"c{i}", 1, Op("write", "x", str(i)))) for i, term in enumerate(terms, 1))


def durable(*terms, term=None, vote=None):
    """The records of a server whose log has entries of these terms, in `term` (of its last entry if not given)."""
    now = term if term is not None else (terms[-1] if terms else 0)
    return (HardState(now, vote), Append(0, 0, entries(*terms)))


def server(me="s1", records=(), nodes=FIVE, without=(), **options):
    """A running server that has heard from no leader for long; its start is not among its effects."""
    out = RecordingOutbox()
    safeguards = SYSTEM.safeguards_without(without)
    core = SYSTEM.build(Setup(me=me, nodes=nodes, out=out, records=records, safeguards=safeguards, options=Options(**options)))
    core.on_start()
    out.now_s = LONG_AFTER_S
    out.take()
    return core


def leader(me="s1", records=(), nodes=FIVE, *, committed=True, **options):
    """A leader, elected by everybody. committed: its no-op is durable everywhere; otherwise the messages are in `effects`."""
    core = server(me, records, nodes, **options)
    term = core.term
    core.on_timer("election")
    for voter in nodes:
        if voter != me:
            core.on_message(voter, PreVote(term, True))
    for voter in nodes:
        if voter != me:
            core.on_message(voter, Vote(term + 1, True))
    assert core.role is LEADER
    if committed:
        for voter in nodes:
            core.on_message(voter, Appended(core.term, core.log.last_index, core.round))
        assert core.commit_index == core.log.last_index
        core.out.take()
    return core


def tell(core, src, message):
    """Deliver a message; returns the effects it had."""
    core.on_message(src, message)
    return core.out.take()


def fire(core, timer):
    """Fire a timer; returns the effects it had."""
    core.on_timer(timer)
    return core.out.take()


def write(value="1", session="c1", seq=1, key="x"):
    """A client's request to write."""
    return Request(session, seq, Op("write", key, value))


def read(session="c9", seq=1, key="x"):
    """A client's request to read."""
    return Request(session, seq, Op("read", key))


def sent(effects, kind=None):
    """(destination, message) of every send, of one type if given."""
    return [(e.dst, e.message) for e in effects if isinstance(e, Send) and (kind is None or isinstance(e.message, kind))]


def replies(effects):
    """(client, status, value) of every answer to a client."""
    return [(e.client, e.message.status, e.message.value) for e in effects if isinstance(e, Reply)]


def persisted(effects):
    """Every record that was appended."""
    return [e.record for e in effects if isinstance(e, Persist)]


def checkpoints(effects):
    """Every replacement of the durable log."""
    return [e.records for e in effects if isinstance(e, Checkpoint)]


def applied(effects):
    """The indexes that were applied."""
    return [e.index for e in effects if isinstance(e, Apply)]


def armed(effects):
    """The names of the timers that were armed."""
    return [e.name for e in effects if isinstance(e, SetTimer)]


def order(effects, *kinds):
    """The types of the effects, or of what they carry, that are among `kinds`, in order."""
    carried = [getattr(e, "message", getattr(e, "record", None)) for e in effects]
    return [type(c) for c in carried if type(c) in kinds]
