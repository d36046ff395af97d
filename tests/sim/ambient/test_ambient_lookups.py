"""Names looked up by calls that block."""

import asyncio
import socket

import pytest

from windtunnel.base.errors import Escaped
from windtunnel.sim import World


def on_host(work):
    """What a function returns that runs on the host "api", in a world that has "db" as well."""

    async def main(world):
        world.network.dns.ttl_s = 60.0
        world.host("db")
        result = world.host("api").run(work)
        return await result, world

    world = World(seed=1, escapes="raise")
    return world.run(main, world)[0]


def test_what_takes_no_time_is_answered():
    """Numbers, localhost and the host's own name need no server."""

    def work():
        mine = socket.gethostbyname(socket.gethostname())
        return [
            mine,
            socket.gethostbyname("localhost"),
            socket.gethostbyname("10.0.0.9"),
            socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)[0][4],
            socket.getaddrinfo(None, 80, flags=socket.AI_PASSIVE, type=socket.SOCK_STREAM)[0][4][1],
            socket.gethostbyname_ex("api") == ("api", [], [mine]),
            socket.getnameinfo(("10.0.0.9", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
        ]

    mine, *rest = on_host(work)
    assert mine.startswith("10.")
    assert rest == ["127.0.0.1", "10.0.0.9", ("127.0.0.1", 80), 80, True, ("10.0.0.9", "80")]


def test_other_names_are_refused_on_the_loop():
    """Each by name; in the cache they are answered."""

    async def work():
        for call in (
            lambda: socket.gethostbyname("db"),
            lambda: socket.gethostbyname_ex("db"),
            lambda: socket.gethostbyaddr("10.0.0.2"),
            lambda: socket.getaddrinfo("db", 80),
            lambda: socket.getnameinfo(("10.0.0.2", 80), 0),
        ):
            with pytest.raises(Escaped, match=r"await loop\.get"):
                call()
        await asyncio.get_running_loop().getaddrinfo("db", 80)
        return socket.gethostbyname("db")

    assert on_host(work).startswith("10.")


def test_work_of_threads_may_look_up_anything():
    """A thread may block; unknown names are the resolver's own error."""

    async def work():
        address = await asyncio.to_thread(socket.gethostbyname, "db")
        name, _, addresses = await asyncio.to_thread(socket.gethostbyaddr, address)
        assert (name, addresses) == ("db", [address])
        assert (await asyncio.to_thread(socket.getaddrinfo, "db", 80))[0][4] == (address, 80)
        assert (await asyncio.to_thread(socket.getnameinfo, (address, 80), socket.NI_NUMERICSERV)) == ("db", "80")
        assert (await asyncio.to_thread(socket.gethostbyname_ex, "db")) == ("db", [], [address])
        with pytest.raises(socket.gaierror):
            await asyncio.to_thread(socket.gethostbyname, "nobody")
        return True

    assert on_host(work)
