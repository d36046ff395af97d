"""Programs as nodes: what they say travels in virtual time, the same for a seed; what they do wrong is told."""

import os
import sys
import textwrap

import pytest

from windtunnel.base.errors import Unsupported
from windtunnel.foreign import Caps, Cluster, ProgramFailed, RpcError

HEAD = """
import json, sys, os, time
me = None
def send(dest, **body):
    sys.stdout.write(json.dumps({"src": me, "dest": dest, "body": body}) + "\\n")
    sys.stdout.flush()
def init(body, src):
    global me
    me = body["node_id"]
    send(src, type="init_ok", in_reply_to=body["msg_id"])
"""

ECHO = """
for line in sys.stdin:
    m = json.loads(line); b = m["body"]
    if b["type"] == "init": init(b, m["src"])
    elif b["type"] == "echo": send(m["src"], type="echo_ok", echo=b["echo"], in_reply_to=b["msg_id"])
"""

CHAIN = """
for line in sys.stdin:
    m = json.loads(line); b = m["body"]
    if b["type"] == "init": init(b, m["src"]); asked = {}
    elif b["type"] == "far" and me == "n0":
        asked[1] = (m["src"], b["msg_id"])
        for peer in ("n1", "n2"): send(peer, type="far")
    elif b["type"] == "far": send("n0", type="seen", by=me)
    elif b["type"] == "seen" and 1 in asked:
        src, number = asked.pop(1)
        send(src, type="far_ok", first=b["by"], in_reply_to=number)
"""


@pytest.fixture
def cluster(tmp_path):
    """Makes a cluster of a program given as text; every process is gone at the end of its block."""

    def made(text, **options):
        file = tmp_path / "program.py"
        file.write_text(HEAD + textwrap.dedent(text), encoding="utf-8")
        return Cluster([sys.executable, "-S", str(file)], str(tmp_path), **{"nodes": 1, **options})

    return made


async def echo(cluster, value="hello"):
    answer = await cluster.rpc("n0", {"type": "echo", "echo": value})
    return answer["echo"]


def test_a_program_is_asked_and_answers(cluster):
    """Clients have no latency: no virtual time passes."""
    with cluster(ECHO) as c:
        assert c.run(echo(c, "grüße")) == "grüße"
        assert c.now == 0.0


def test_one_seed_is_one_run(cluster):
    """Who is heard first depends on latencies, and these on the seed alone; the whole trace is the same."""

    async def far(c):
        return [(await c.rpc("n0", {"type": "far"}))["first"] for _ in range(8)]

    def run(seed):
        with cluster(CHAIN, nodes=3, seed=seed) as c:
            return c.run(far(c)), c.trace

    assert run(7) == run(7)
    assert len({tuple(run(seed)[0]) for seed in range(3)}) > 1
    assert set(run(7)[0]) == {"n1", "n2"}


def test_a_cut_loses_what_arrives_while_it_lasts_and_a_heal_lets_through(cluster):
    """A request over a cut link has no answer in its time, and the next one has."""

    async def work(c):
        c.cut([("n0", "n1"), ("n0", "n2")])
        with pytest.raises(RpcError, match="no answer to far within 5 s"):
            await c.rpc("n0", {"type": "far"})
        assert c.now == 5.0
        c.heal()
        return await c.rpc("n0", {"type": "far"})

    with cluster(CHAIN, nodes=3, idle_s=0.01) as c:
        assert c.run(work(c))["type"] == "far_ok"


def test_held_messages_arrive_after_the_heal(cluster):
    """What a short cut does to a connection."""

    async def work(c):
        c.cut([("n0", "n1"), ("n0", "n2")], hold=True)
        c.at(2.0, c.heal)
        await c.rpc("n0", {"type": "far"})
        return c.now

    with cluster(CHAIN, nodes=3) as c:
        assert 2.0 <= c.run(work(c)) < 2.1


def test_a_killed_program_is_away_and_comes_back_without_memory(cluster):
    """Requests to it have no answer; after the restart it gets a new init."""
    counter = """
    count = 0
    for line in sys.stdin:
        m = json.loads(line); b = m["body"]
        if b["type"] == "init": init(b, m["src"])
        else:
            count += 1
            send(m["src"], type="count_ok", count=count, in_reply_to=b["msg_id"])
    """

    async def count(c):
        return (await c.rpc("n0", {"type": "count"}, timeout_s=1.0))["count"]

    async def work(c):
        seen = [await count(c), await count(c)]
        c.crash("n0")
        with pytest.raises(RpcError):
            await count(c)
        c.restart("n0")
        return [*seen, await count(c)]

    with cluster(counter, idle_s=0.01) as c:
        assert c.run(work(c)) == [1, 2, 1]


def test_a_paused_program_answers_later(cluster):
    """What is sent to it waits until it goes on."""

    async def work(c):
        c.pause("n0")
        c.at(3.0, c.resume, "n0")
        await echo(c)
        return c.now

    with cluster(ECHO) as c:
        assert c.run(work(c)) == 3.0


def test_loss_and_duplicates_are_drawn(cluster):
    """Among many messages some are lost and some come twice."""
    flood = """
    for line in sys.stdin:
        m = json.loads(line); b = m["body"]
        if b["type"] == "init": init(b, m["src"]); got = 0
        elif b["type"] == "flood":
            for _ in range(200): send("n1", type="drop")
            send(m["src"], type="flood_ok", in_reply_to=b["msg_id"])
        elif b["type"] == "drop": got += 1
        else: send(m["src"], type="got_ok", got=got, in_reply_to=b["msg_id"])
    """

    async def work(c, **weather):
        c.weather(**weather)
        await c.rpc("n0", {"type": "flood"})
        await c.sleep(1.0)
        return (await c.rpc("n1", {"type": "got"}))["got"]

    for weather, low, high in (({}, 200, 200), ({"drop": 0.5}, 50, 150), ({"duplicate": 0.5}, 250, 350)):
        with cluster(flood, nodes=2) as c:
            assert low <= c.run(work(c, **weather)) <= high


def test_the_clock_wakes_programs_in_virtual_time(cluster):
    """A thousand seconds cost nothing, and a timer dies with the life that set it."""
    timer = """
    for line in sys.stdin:
        m = json.loads(line); b = m["body"]
        if b["type"] == "init": init(b, m["src"])
        elif b["type"] == "later": asked = (m["src"], b["msg_id"]); send("clock", type="wake", after_ms=1_000_000, msg_id=1)
        elif b["type"] == "wake_ok": send(asked[0], type="later_ok", in_reply_to=asked[1])
    """

    async def work(c):
        await c.rpc("n0", {"type": "later"}, timeout_s=2000.0)
        return c.now

    with cluster(timer, limit_s=5000.0) as c:
        assert c.run(work(c)) == 1000.0


def test_a_program_with_real_timers_is_heard(cluster):
    """It answers 50 ms later, by a timer of its own: the cluster listens before it lets the request time out."""
    late = ECHO.replace(
        'elif b["type"] == "echo":', 'elif b["type"] == "echo": import threading; threading.Timer(0.05, lambda b=b, m=m:'
    )
    late = late.replace('in_reply_to=b["msg_id"])\n', 'in_reply_to=b["msg_id"]))\n', 2)
    late = late.replace('in_reply_to=b["msg_id"]))\n', 'in_reply_to=b["msg_id"])).start()\n')
    with cluster(late) as c:
        assert c.run(echo(c)) == "hello"


# --- Programs that do wrong ---

WRONG = {
    "is not there": (None, "did not answer init with init_ok|ended by itself, with status 127"),
    "ends at once": ("sys.exit(3)", "ended by itself, with status 3"),
    "raises": ("raise ValueError('no')", "ended by itself, with status 1; the end of its stderr:\n(.|\n)*ValueError: no"),
    "says nothing": ("sys.stdin.read()", "did not answer init with init_ok"),
    "loops": ("while True: pass", "did not come to rest within 0.4 s"),
    "prints without end": ("while True: print('x' * 10000)", "wrote more than 1 MiB"),
    "closes its stdin": ("os.close(0)\ntime.sleep(60)", "did not answer init with init_ok"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_program_does_wrong_is_told(name, cluster, tmp_path):
    """With the node, the deed and the end of its stderr; and no process is left."""
    text, message = WRONG[name]
    with cluster(text or "", caps=Caps(quiet_s=0.4, out_bytes=1 << 20), idle_s=0.01) as c:
        if text is None:
            c._command = ("/nowhere/to/be/found",)
        with pytest.raises(ProgramFailed, match=message):
            c.run(echo(c))
        pids = [program.pid for program in c._programs.values()]
    assert pids
    assert all(not os.path.exists(f"/proc/{pid}") for pid in pids)  # noqa: PTH110


GARBAGE = [
    ("hello", "it is not JSON: 'hello'"),
    ("[1]", "no message with src, dest and body"),
    ('{"src": "n0", "dest": 1, "body": {"type": "x"}}', "its dest is no text"),
    ('{"src": "n0", "dest": "c1", "body": {}}', "its body has no type"),
    ('{"src": "n0", "dest": "n9", "body": {"type": "x"}}', "sent a message to 'n9', which does not exist"),
    ('{"src": "n0", "dest": "clock", "body": {"type": "stop"}}', "asked the clock for"),
    ("\\xff", "it is not UTF-8"),
    ("{" * 100_000, "it is not JSON"),
]


@pytest.mark.parametrize(("line", "why"), GARBAGE, ids=lambda value: value[:20])
def test_garbage_is_told_and_the_run_goes_on(line, why, cluster):
    """The line and the node are kept; messages before and after it count."""
    text = ECHO.replace(
        "for line", f"sys.stdout.buffer.write({line!r}.encode('latin-1') + b'\\n')\nsys.stdout.flush()\nfor line", 1
    )
    text = text.replace("'\\\\xff'", "'\\xff'")
    with cluster(text) as c:
        assert c.run(echo(c)) == "hello"
        assert [node for node, _ in c.garbage] == ["n0"]
        assert why in c.garbage[0][1]


def test_what_does_no_harm_is_tolerated(cluster):
    """Two objects on a line, empty lines, null where an id would be, answers to nothing, a src that is null."""
    odd = """
    for line in sys.stdin:
        m = json.loads(line); b = m["body"]
        if b["type"] == "init":
            print()
            print(json.dumps({"src": None, "dest": m["src"], "body": {"type": "init_ok", "in_reply_to": b["msg_id"]}}) * 2)
        else:
            print(json.dumps({"src": "n0", "dest": m["src"], "body": {"type": "x", "in_reply_to": None, "msg_id": None}}))
            send(m["src"], type="echo_ok", echo="hello", in_reply_to=b["msg_id"])
        sys.stdout.flush()
    """
    with cluster(odd) as c:
        assert c.run(echo(c)) == "hello"
        assert c.garbage == []


def test_errors_have_their_codes(cluster):
    """Definite ones certainly did not happen; one without a code may have."""
    refuse = ECHO.replace(
        'type="echo_ok", echo=b["echo"]', 'type="error", **({"code": b["echo"]} if b["echo"] else {}), text="sorry"'
    )

    async def work(c):
        found = []
        for code in (22, 1000, 0):
            with pytest.raises(RpcError) as error:
                await echo(c, code)
            found.append((error.value.code, error.value.definite, str(error.value)))
        return found

    with cluster(refuse) as c:
        assert c.run(work(c)) == [
            (22, True, "error 22, precondition-failed: sorry"),
            (1000, False, "error 1000, user error: sorry"),
            (13, False, "error 13, crash: sorry"),
        ]


def test_a_run_without_an_end_is_ended(cluster):
    """By virtual time, and if nobody can go on."""

    async def forever(c):
        while True:
            await c.sleep(1.0)

    async def stuck(c):
        from windtunnel.foreign.tasks import Pending

        await Pending()

    with cluster(ECHO, limit_s=10.0) as c, pytest.raises(ProgramFailed, match="not done after 11 virtual seconds"):
        c.run(forever(c))
    with cluster(ECHO, idle_s=0.01) as c, pytest.raises(ProgramFailed, match="everybody waits"):
        c.run(stuck(c))


def test_clocks_and_disks_are_the_machines(cluster):
    """Verbs that this world lacks are refused by name."""
    with cluster(ECHO) as c:
        with pytest.raises(Unsupported, match="cannot be skewed"):
            c.skew("n0", offset_s=1.0)
        with pytest.raises(Unsupported, match="disk of this machine"):
            c.disk("n0", "full")
        assert c.leader() is None
