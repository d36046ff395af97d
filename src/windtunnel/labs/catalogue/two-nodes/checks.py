"""The grader of two-nodes: one client, one note, a network that is fast, slow or cut."""

import asyncio

from windtunnel.labs.checking import check, expect

SLOW_S = (0.05, 0.5, 5.0)


def boot(world, lab):
    """Both nodes, each on a host of its own."""
    for me, peer in (("a", "b"), ("b", "a")):
        world.host(me, main=lambda peer=peer: lab.Node(peer).serve())


async def ask(host, line, port):
    """One request on a connection of its own; the answer without its end of line."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"{line}\n".encode())
    answer = (await reader.readline()).decode().strip()
    print(f"{line} at {host}: {answer}")
    writer.close()
    await writer.wait_closed()
    return answer


@check("a note is read where it was written", seeds=3)
async def read_your_own(world, lab):
    boot(world, lab)
    async with world.client("you"):
        await asyncio.sleep(0.1)
        answer = await ask("a", "WRITE milk", lab.PORT)
        expect(answer == "OK", "a write is answered with OK", got=answer)
        note = await ask("a", "READ", lab.PORT)
        expect(note == "milk", "node a knows the note that it was given", got=note)


@check("what was acknowledged is read at the other node, however slow the network is", seeds=10)
async def read_at_the_other(world, lab):
    boot(world, lab)
    async with world.client("you"):
        await asyncio.sleep(0.1)
        for slow_s in SLOW_S:
            for src, dst in (("a", "b"), ("b", "a")):
                world.links.latency("constant", slow_s, src=src, dst=dst)
            note = f"note of the {slow_s} s network"
            answer = await ask("a", f"WRITE {note}", lab.PORT)
            expect(answer == "OK", "a write is answered with OK", got=answer)
            seen = await ask("b", "READ", lab.PORT)
            expect(seen == note, f"node b knows {note!r}, which node a has acknowledged", got=seen, network_delay_s=slow_s)


@check("a write during a cut is answered once the network heals", seeds=5)
async def cut(world, lab):
    boot(world, lab)
    async with world.client("you"):
        await asyncio.sleep(0.1)
        world.cut([("a", "b"), ("b", "a")])
        write = asyncio.ensure_future(ask("a", "WRITE bread", lab.PORT))
        await asyncio.sleep(5.0)
        world.heal()
        answer = await asyncio.wait_for(write, 120.0)
        expect(answer == "OK", "the write is answered with OK after the network has healed", got=answer)
        seen = await ask("b", "READ", lab.PORT)
        expect(seen == "bread", "node b knows the note that was acknowledged", got=seen)
