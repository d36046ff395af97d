"""redis-py's asyncio client against a small RESP server: strings, counters, lists, pipelines, a pool, publish/subscribe."""

import asyncio

import redis.asyncio
from redis.exceptions import ResponseError


class Notes:
    """A server of a dozen commands; one for each life."""

    def __init__(self):
        self.values = {}
        self.lists = {}
        self.listeners = {}

    async def handle(self, reader, writer):
        """One connection."""
        try:
            while head := await reader.readuntil(b"\r\n"):
                words = []
                for _ in range(int(head[1:])):
                    size = int((await reader.readuntil(b"\r\n"))[1:])
                    words.append((await reader.readexactly(size + 2))[:-2])
                writer.write(self.answer(words, writer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for writers in self.listeners.values():
                writers.discard(writer)
            writer.close()

    def answer(self, words, writer):
        """The encoded answer to one command."""
        command, *args = words
        match command.upper():
            case b"SET":
                self.values[args[0]] = args[1]
                return b"+OK\r\n"
            case b"GET":
                return bulk(self.values.get(args[0]))
            case b"INCRBY":
                try:
                    self.values[args[0]] = b"%d" % (int(self.values.get(args[0], b"0")) + int(args[1]))
                except ValueError:
                    return b"-ERR value is not an integer or out of range\r\n"
                return b":%s\r\n" % self.values[args[0]]
            case b"RPUSH":
                items = self.lists.setdefault(args[0], [])
                items += args[1:]
                return b":%d\r\n" % len(items)
            case b"LRANGE":
                return array([bulk(item) for item in self.lists.get(args[0], [])])
            case b"SUBSCRIBE":
                self.listeners.setdefault(args[0], set()).add(writer)
                return array([bulk(b"subscribe"), bulk(args[0]), b":1\r\n"])
            case b"PUBLISH":
                writers = self.listeners.get(args[0], set())
                for listener in writers:
                    listener.write(array([bulk(b"message"), bulk(args[0]), bulk(args[1])]))
                return b":%d\r\n" % len(writers)
            case b"MULTI" | b"CLIENT" | b"PING" | b"UNSUBSCRIBE":
                return b"+OK\r\n"
            case _:
                return b"-ERR unknown command\r\n"


def bulk(value):
    """A bulk string, or the null one."""
    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)


def array(items):
    """An array of encoded items."""
    return b"*%d\r\n%s" % (len(items), b"".join(items))


async def serve(host, port):
    """Serve until cancelled."""
    server = await asyncio.start_server(Notes().handle, host, port)
    async with server:
        await server.serve_forever()


async def use(host, port):
    """Everything once, as a dict of facts."""
    facts = {}
    async with redis.asyncio.Redis(host=host, port=port, protocol=2, max_connections=4) as client:
        facts["set"] = await client.set("k", "v")
        facts["get"] = [await client.get("k"), await client.get("nothing")]
        facts["incr"] = sorted(await asyncio.gather(*(client.incr("n") for _ in range(4))))
        try:
            await client.incr("k")
        except ResponseError as error:
            facts["error"] = str(error)
        async with client.pipeline(transaction=False) as pipe:
            facts["pipeline"] = await pipe.set("a", 1).get("a").rpush("l", "x", "y").lrange("l", 0, -1).execute()
        async with client.pubsub() as listener:
            await listener.subscribe("news")
            await listener.get_message(timeout=1.0)
            facts["told"] = await client.publish("news", "hello")
            facts["news"] = (await listener.get_message(ignore_subscribe_messages=True, timeout=1.0))["data"]
        await client.set("big", b"b" * 500_000)
        facts["big"] = len(await client.get("big"))
    return facts


EXPECTED = {
    "set": True,
    "get": [b"v", None],
    "incr": [1, 2, 3, 4],
    "error": "value is not an integer or out of range",
    "pipeline": [True, b"1", 2, [b"x", b"y"]],
    "told": 1,
    "news": b"hello",
    "big": 500_000,
}
