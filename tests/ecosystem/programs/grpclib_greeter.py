"""grpclib on both sides, with protobuf's own wrapper messages: the four kinds of call, a status, a deadline, metadata."""

import asyncio

from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from grpclib.client import Channel, StreamStreamMethod, StreamUnaryMethod, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Server


class Greeter:
    """A service written by hand, without generated stubs."""

    async def hello(self, stream):
        """Unary."""
        message = await stream.recv_message()
        if not message.value:
            raise GRPCError(Status.INVALID_ARGUMENT, "who?")
        if message.value == "slow":
            await asyncio.sleep(30)
        await stream.send_message(StringValue(value=f"hello {message.value} from {stream.metadata.get('place', 'nowhere')}"))

    async def count(self, stream):
        """A stream of answers."""
        message = await stream.recv_message()
        for i in range(message.value):
            await stream.send_message(Int64Value(value=i))

    async def total(self, stream):
        """A stream of questions."""
        await stream.send_message(Int64Value(value=sum([message.value async for message in stream])))

    async def echo(self, stream):
        """Streams both ways."""
        async for message in stream:
            await stream.send_message(StringValue(value=message.value[::-1]))

    def __mapping__(self):
        """What grpclib asks of a service."""
        return {
            "/greet.Greeter/Hello": Handler(self.hello, Cardinality.UNARY_UNARY, StringValue, StringValue),
            "/greet.Greeter/Count": Handler(self.count, Cardinality.UNARY_STREAM, Int64Value, Int64Value),
            "/greet.Greeter/Total": Handler(self.total, Cardinality.STREAM_UNARY, Int64Value, Int64Value),
            "/greet.Greeter/Echo": Handler(self.echo, Cardinality.STREAM_STREAM, StringValue, StringValue),
        }


async def serve(host, port):
    """Serve until cancelled."""
    server = Server([Greeter()])
    await server.start(host, port)
    try:
        await server.wait_closed()
    finally:
        server.close()


async def use(host, port):
    """Each kind of call, as a dict of facts."""
    facts = {}
    async with Channel(host, port) as channel:
        hello = UnaryUnaryMethod(channel, "/greet.Greeter/Hello", StringValue, StringValue)
        facts["unary"] = (await hello(StringValue(value="bob"), metadata={"place": "the tunnel"})).value
        try:
            await hello(StringValue())
        except GRPCError as error:
            facts["status"] = (error.status.name, error.message)
        try:
            await hello(StringValue(value="slow"), timeout=0.2)
        except TimeoutError:
            facts["deadline"] = "TimeoutError"
        except GRPCError as error:
            facts["deadline"] = error.status.name
        count = UnaryStreamMethod(channel, "/greet.Greeter/Count", Int64Value, Int64Value)
        facts["answers"] = [m.value for m in await count(Int64Value(value=50))][-3:]
        total = StreamUnaryMethod(channel, "/greet.Greeter/Total", Int64Value, Int64Value)
        facts["questions"] = (await total([Int64Value(value=i) for i in range(100)])).value
        echo = StreamStreamMethod(channel, "/greet.Greeter/Echo", StringValue, StringValue)
        async with echo.open() as stream:
            facts["both"] = []
            for word in ("abc", "defg"):
                await stream.send_message(StringValue(value=word))
                facts["both"].append((await stream.recv_message()).value)
            await stream.end()
        big = "x" * 300_000
        facts["big"] = len((await hello(StringValue(value=big))).value)
    return facts


EXPECTED = {
    "unary": "hello bob from the tunnel",
    "status": ("INVALID_ARGUMENT", "who?"),
    "deadline": "TimeoutError",
    "answers": [47, 48, 49],
    "questions": 4950,
    "both": ["cba", "gfed"],
    "big": 300_019,
}
