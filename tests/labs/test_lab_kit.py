"""What graders are made of: questions over TCP, HTTP, a journal, programs that start anew."""

import asyncio
import importlib.util

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.batteries.http import HttpServer, Response
from windtunnel.labs.kit import lines, web
from windtunnel.labs.kit.boot import copy_of, program
from windtunnel.labs.kit.journal import Journal
from windtunnel.sim import World


def module_of(tmp_path, text):
    path = tmp_path / "submission.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("submission", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def simulated(function):
    world = World(1)
    return world.run(function, world)


# --- Lines ---


def test_a_question_gets_its_answer():
    """What the handler returns is what the caller gets."""

    async def double(question):
        return {"twice": question * 2}

    async def main(world):
        world.host("server", main=lambda: lines.serve(80, double))
        return await lines.ask("server", 80, 21)

    assert simulated(main) == {"twice": 42}


@pytest.mark.parametrize("ending", ["raises", "stops", "absent"])
def test_no_answer_is_an_oserror(ending):
    """A handler that raises, a server that dies, and one that never was look alike to the caller."""

    async def handler(_question):
        if ending == "raises":
            raise ConnectionAbortedError("no answer")
        await asyncio.sleep(60.0)

    async def main(world):
        if ending != "absent":
            world.host("server", main=lambda: lines.serve(80, handler))
        else:
            world.host("server")
        asking = asyncio.create_task(lines.ask("server", 80, None))
        await asyncio.sleep(1.0)
        if ending == "stops":
            world.hosts["server"].kill()
        with pytest.raises(OSError, match=r"."):
            await asking

    simulated(main)


# --- HTTP ---


def test_an_answer_has_status_body_and_headers():
    """What the server says arrives: status, JSON, headers by lower-case name; a body that is no JSON is kept as bytes."""

    def handler(request):
        if request.path == "/plain":
            return Response(404, b"nothing here")
        return Response(201, request.body, {"X-Key": request.headers["idempotency-key"]})

    async def serve():
        await HttpServer(handler).start(port=80)
        await asyncio.Event().wait()

    async def main(world):
        world.host("server", main=serve)
        made = await web.send("POST", "server", "/charges", {"amount": 5}, {"Idempotency-Key": "k"})
        plain = await web.send("GET", "server", "/plain")
        return made, plain

    made, plain = simulated(main)
    assert (made.status, made.body, made.headers["x-key"]) == (201, {"amount": 5}, "k")
    assert (plain.status, plain.body, plain.raw) == (404, None, b"nothing here")


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"])
def test_half_an_answer_is_none(data):
    """An answer that ends early is an OSError: the request may have been carried out."""
    with pytest.raises(ConnectionResetError, match="ended"):
        web.parsed(data)


# --- The journal ---


def test_what_was_appended_survives_a_crash():
    """After a power cut the journal has every record whose append had returned, in order."""

    async def main(world):
        host = world.host("machine")

        async def write():
            journal = Journal("saga.log")
            for n in range(3):
                await journal.append({"n": n})

        await host.run(write())
        host.crash()
        host.restart()
        return await host.run(lambda: Journal("saga.log").records())

    assert simulated(main) == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_a_cut_line_is_left_out(tmp_path):
    """Half a record at the end is dropped, and what is appended next is whole."""
    path = tmp_path / "log"
    path.write_bytes(b'{"n": 0}\n{"n": 1')
    journal = Journal(str(path))
    assert journal.records() == [{"n": 0}]
    asyncio.run(journal.append({"n": 2}))
    assert Journal(str(path)).records() == [{"n": 0}, {"n": 2}]


# --- Lives ---


def test_each_life_has_its_own_globals(tmp_path):
    """A program that counts in a variable counts from 0 again after a crash."""
    module = module_of(tmp_path, "seen = []\nasync def serve(out):\n    seen.append(1)\n    out.append(len(seen))\n")
    out = []

    async def main(world):
        host = world.host("machine", main=program(module, "serve", out))
        await asyncio.sleep(1.0)
        host.crash()
        host.restart()
        await asyncio.sleep(1.0)

    simulated(main)
    assert out == [1, 1]
    assert module.seen == []


def test_a_program_needs_its_function(tmp_path):
    """A file without the function is told so before the host boots; a module without a file too."""
    module = module_of(tmp_path, "x = 1\n")
    with pytest.raises(UsageError, match="expected a function `serve`"):
        program(module, "serve")
    with pytest.raises(UsageError, match="loaded from a file"):
        copy_of(type(asyncio)("made_by_hand"))
