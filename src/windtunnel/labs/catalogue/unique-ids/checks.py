"""The grader of unique-ids: clients that ask every node, cuts, crashes; a checker of histories judges the ids."""

from windtunnel.base.interface import Op
from windtunnel.checkers import check as judge
from windtunnel.foreign import RpcError
from windtunnel.histories import Recorder
from windtunnel.labs.checking import expect, expect_valid, stdio_check

ASKED = {"type": "generate"}


async def generate(cluster, record, node, client):
    """One request, written down; whether it was answered."""
    token = record.invoke(client, Op("generate"))
    try:
        answer = await cluster.rpc(node, ASKED, client=client, timeout_s=1.0)
    except RpcError as error:
        record.info(token, str(error))
        return False
    expect(answer.get("type") == "generate_ok", "a request is answered with generate_ok", got=answer.get("type"))
    expect(answer.get("id") is not None, "the answer has an id", got=answer)
    record.ok(token, answer["id"])
    return True


async def asking(cluster, record, node, times, pause_s):
    """One client of one node: how many of its requests were answered. After one without an answer it is a new client."""
    client, answered = cluster.client(), 0
    for _ in range(times):
        if await generate(cluster, record, node, client):
            answered += 1
        else:
            client = cluster.client()
        await cluster.sleep(pause_s)
    return answered


async def everywhere(cluster, times, pause_s):
    """A client for each node at the same time: the history, and the answers by node."""
    record = Recorder(lambda: cluster.now)
    clients = {node: cluster.spawn(asking(cluster, record, node, times, pause_s)) for node in cluster.nodes}
    answered = {node: await client for node, client in clients.items()}
    return record.history(), answered


@stdio_check("a node answers init and gives an id", seeds=1, nodes=1)
async def one(cluster):
    history, answered = await everywhere(cluster, 3, 0.01)
    expect(answered == {"n0": 3}, "all three requests are answered", got=answered)
    expect_valid(judge(history, "unique-ids"))


@stdio_check("no id is given twice by three nodes", seeds=2)
async def three(cluster):
    history, _ = await everywhere(cluster, 40, 0.01)
    expect_valid(judge(history, "unique-ids"))


@stdio_check("every node answers while the network is cut", seeds=3, faults="partition:3", for_s=8.0)
async def cut(cluster):
    history, answered = await everywhere(cluster, 20, 0.4)
    for node, count in answered.items():
        expect(count == 20, f"{node} answers all of 20 requests, whoever it can reach", got=count)
    expect_valid(judge(history, "unique-ids"))


@stdio_check("no id is given twice, although programs are killed and started again", seeds=3, faults="crash:3", for_s=7.0)
async def crashes(cluster):
    history, answered = await everywhere(cluster, 20, 0.4)
    expect(sum(answered.values()) > 20, "nodes that run answer", got=answered)
    expect_valid(judge(history, "unique-ids"))
