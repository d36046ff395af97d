"""A lab of two checks: add two numbers, and answer those who ask over the network."""

LAB = """
id = "toy"
title = "Adding"
summary = "Add two numbers, and answer those who ask over the network."
objective = "Test the engine."
why = "Somebody must."
hours = 0.1
difficulty = 1
form = "world"
file = "adding.py"
prerequisites = []
laws = [2]
pillars = ["work"]
rows = []

[[hints]]
check = "adds"
levels = ["There is a sign for it.", "It is the plus.", "return a + b"]

[mutants.minus]
what = "takes away instead"
killed_by = "adds"
"""

CHECKS = """
import asyncio

from windtunnel.labs.checking import check, expect


@check("adds")
def adds(lab):
    expect(lab.add(1, 2) == 3, "1 and 2 are 3", got=lab.add(1, 2))


@check("answers", seeds=3, faults="slow", limit_s=60)
async def answers(world, lab):
    world.host("server", main=lab.serve)
    async with world.client("you"):
        await asyncio.sleep(0.1)
        reader, writer = await asyncio.open_connection("server", 4000)
        writer.write(b"1 2\\n")
        line = await reader.readline()
        writer.close()
        expect(line == b"3\\n", "the server adds 1 and 2", got=line)
"""

REFERENCE = """
import asyncio


def add(a, b):
    return a + b


async def serve():
    server = await asyncio.start_server(converse, port=4000)
    await server.serve_forever()


async def converse(reader, writer):
    a, b = map(int, (await reader.readline()).split())
    writer.write(f"{add(a, b)}\\n".encode())
    await writer.drain()
    writer.close()
"""


def written(folder, **changes):
    """The folder of the toy lab, with files changed or, if None, left away."""
    files = {
        "lab.toml": LAB,
        "README.md": "# Adding\n",
        "checks.py": CHECKS,
        "start/adding.py": REFERENCE.replace("return a + b", "return None"),
        "reference/adding.py": REFERENCE,
        "mutants/minus.py": REFERENCE.replace("a + b", "a - b"),
    }
    for name, text in {**files, **changes}.items():
        if text is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    return folder
