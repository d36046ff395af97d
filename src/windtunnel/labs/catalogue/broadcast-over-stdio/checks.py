"""The grader of broadcast-over-stdio: real processes that speak the Maelstrom protocol, on a virtual network with faults."""

from __future__ import annotations

from typing import Any

from windtunnel.base.interface import Op
from windtunnel.base.streams import Stream
from windtunnel.checkers import check as judge
from windtunnel.foreign import RpcError
from windtunnel.histories import Recorder
from windtunnel.labs.checking import expect, stdio_check

SETTLE_S = 2.5
QUIET_S = 5.0
QUIET_MESSAGES_MAX = 10  # between all nodes in QUIET_S, when everybody knows everything
PROMPT_S = 0.3  # an answer that needs nobody else


class Clients:
    """Those who broadcast and read, and the history of it."""

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster
        self.recorder = Recorder(lambda: cluster.now)
        self.processes = 0

    async def ask(self, node: str, op: Op, timeout_s: float = 1.0) -> Any:
        """One operation, in the history; the answer, or None if there was none."""
        self.processes += 1
        token = self.recorder.invoke(f"c{self.processes}", op)
        body = {"type": "read"} if op.f == "read" else {"type": "broadcast", "message": op.value}
        try:
            answer = await self.cluster.rpc(node, body, timeout_s=timeout_s)
        except RpcError as error:
            self.recorder.info(token, str(error))
            return None
        wanted = f"{body['type']}_ok"
        expect(answer.get("type") == wanted, f"{node} answers {body['type']} with {wanted}", got=answer)
        shown = answer.get("messages") if op.f == "read" else None
        expect(op.f != "read" or isinstance(shown, list), f"{node} answers read with a list of messages", got=answer)
        self.recorder.ok(token, shown)
        return answer

    async def business(self, messages: int, gap_s: float = 0.4) -> None:
        """Broadcasts at drawn nodes, and a read after each."""
        dice = Stream(len(self.cluster.nodes), "clients")
        for value in range(1, messages + 1):
            await self.cluster.sleep(dice.uniform(0.2 * gap_s, 1.8 * gap_s))
            await self.ask(dice.choice(self.cluster.nodes), Op("broadcast", value=value))
            await self.ask(dice.choice(self.cluster.nodes), Op("read"))

    async def judged(self) -> None:
        """After peace has come: everybody is read, and the history decides."""
        await self.cluster.healed()
        self.cluster.heal()
        self.cluster.weather()
        await self.cluster.sleep(SETTLE_S)
        for node in self.cluster.nodes:
            await self.ask(node, Op("read"))
        verdict = judge(self.recorder.history(), "broadcast")
        lines = () if verdict.evidence is None else verdict.evidence.text
        expect(verdict.valid, "\n".join((f"in the end every node shows every message, once; {verdict.why}", *lines)))


@stdio_check("one node answers", nodes=1, seeds=1)
async def one(cluster: Any) -> None:
    clients = Clients(cluster)
    answer = await clients.ask("n0", Op("broadcast", value=7))
    expect(
        answer is not None,
        "n0 answers broadcast within a second, with broadcast_ok, and with the msg_id of the request as in_reply_to",
    )
    answer = await clients.ask("n0", Op("read"))
    expect(answer is not None, "n0 answers read within a second, with read_ok, and with the msg_id of the request as in_reply_to")
    expect(answer["messages"] == [7], "n0 was told 7, and shows it", got=answer)


@stdio_check("everybody hears", nodes=3, seeds=1)
async def everybody(cluster: Any) -> None:
    clients = Clients(cluster)
    await clients.business(6)
    await clients.judged()


@stdio_check("nothing is lost with a message", nodes=3, seeds=2)
async def lossy(cluster: Any) -> None:
    cluster.weather(drop=0.4)
    clients = Clients(cluster)
    await clients.business(6)
    await clients.judged()


@stdio_check("nothing is shown twice", nodes=3, seeds=1)
async def twice(cluster: Any) -> None:
    cluster.weather(duplicate=0.8, drop=0.2)
    clients = Clients(cluster)
    await clients.business(6)
    await clients.judged()


@stdio_check("an answer needs nobody else", nodes=3, seeds=1)
async def alone(cluster: Any) -> None:
    clients = Clients(cluster)
    cluster.cut([("n0", "n1"), ("n1", "n0"), ("n0", "n2"), ("n2", "n0")])
    answer = await clients.ask("n0", Op("broadcast", value=1), timeout_s=PROMPT_S)
    expect(answer is not None, f"n0 is cut off from all others, and answers a client within {PROMPT_S} s all the same")
    await clients.judged()


@stdio_check("through partitions", nodes=4, seeds=2, faults="partition:2", for_s=4.0)
async def partitions(cluster: Any) -> None:
    clients = Clients(cluster)
    await clients.business(8)
    await clients.judged()


@stdio_check("around a cut", nodes=3, seeds=1)
async def around(cluster: Any) -> None:
    clients = Clients(cluster)
    cut = [("n0", "n2"), ("n2", "n0")]
    cluster.cut(cut)
    await clients.ask("n0", Op("broadcast", value=1))
    await cluster.sleep(SETTLE_S)
    answer = await clients.ask("n2", Op("read"))
    expect(
        answer is not None and answer["messages"] == [1],
        "n0 and n2 cannot hear each other, n1 hears both: n2 shows what n0 was told",
        got=answer,
    )


@stdio_check("a quiet network is quiet", nodes=3, seeds=1)
async def quiet(cluster: Any) -> None:
    clients = Clients(cluster)
    await clients.business(6)
    await clients.judged()
    before = len(cluster.trace)
    await cluster.sleep(QUIET_S)
    rows = cluster.trace[before:]
    sent = [row["text"] for row in rows if row["kind"] == "send" and row.get("dst") in cluster.nodes]
    expect(
        len(sent) <= QUIET_MESSAGES_MAX,
        f"everybody knows everything: in {QUIET_S:g} s nodes send at most {QUIET_MESSAGES_MAX} messages to each other",
        sent=len(sent),
        such_as=sent[0] if sent else "",
    )
