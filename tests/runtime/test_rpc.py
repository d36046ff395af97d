import asyncio

import pytest

from windtunnel.base.errors import Definite, Indefinite
from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.messages import Message
from windtunnel.runtime.rpc import Answer, Call, Caller


class Ask(Message, frozen=True):
    """A question of the tests."""

    text: str


class Wire:
    """Two callers joined by a network that delivers in the next loop turn, unless told to lose or keep messages."""

    def __init__(self):
        self.log = []
        self.errors = []
        self.lost = set()
        self.callers = {name: Caller(name, self._sender(name), failed=self.errors.append) for name in ("a", "b", "c")}

    def _sender(self, src):
        def send(dst, message):
            self.log.append((src, dst, message))
            if (src, dst) not in self.lost and dst in self.callers:
                asyncio.get_running_loop().call_soon(self.callers[dst].on_message, src, message)

        return send

    def __getitem__(self, name):
        return self.callers[name]


async def echo(src, message):
    """Answers with who asked what."""
    return Ask(f"{src}:{message.text}")


def test_a_call_returns_what_the_handler_returned():
    """The answer of the peer's handler is the value of the call."""

    async def main():
        wire = Wire()
        wire["b"].serve(echo)
        assert await wire["a"].call("b", Ask("x"), deadline_s=5) == Ask("a:x")

    asyncio.run(main())


def test_calls_in_flight_do_not_mix():
    """Answers that come back in another order reach their own calls."""

    async def main():
        wire = Wire()
        gates = [asyncio.Event() for _ in range(3)]

        async def slow(_src, message):
            await gates[int(message.text)].wait()
            return message

        wire["b"].serve(slow)
        calls = [asyncio.create_task(wire["a"].call("b", Ask(str(i)), deadline_s=5)) for i in range(3)]
        for gate in reversed(gates):
            await asyncio.sleep(0)
            gate.set()
        assert await asyncio.gather(*calls) == [Ask("0"), Ask("1"), Ask("2")]

    asyncio.run(main())


def test_silence_is_indefinite_and_leaves_nothing_behind():
    """A deadline raises Indefinite that names the peer; a late answer afterwards is ignored."""

    async def main():
        wire = Wire()
        wire.lost.add(("b", "a"))
        wire["b"].serve(echo)
        with pytest.raises(Indefinite, match=r"a: no answer from b within 0\.01 s"):
            await wire["a"].call("b", Ask("x"), deadline_s=0.01)
        number = wire.log[0][2].id
        wire["a"].on_message("b", Answer(number, Ask("late")))
        assert not wire["a"]._pending

    asyncio.run(main())


def test_each_call_has_its_own_deadline():
    """Calls with different deadlines, started in any order, end in the order of their deadlines; an answered one does not."""

    async def main():
        wire = Wire()
        ended = []

        async def call(name, deadline_s):
            try:
                await wire["a"].call(name, Ask("x"), deadline_s=deadline_s)
                ended.append("answered")
            except Indefinite as error:
                ended.append(str(error).split(" within ")[1])

        wire["b"].serve(echo)
        calls = [call("c", 0.06), call("c", 0.02), call("b", 0.03), call("c", 0.04), call("c", 0.02)]
        await asyncio.gather(*(asyncio.create_task(each) for each in calls))
        assert ended == ["answered", *(f"{s} s to Ask(text='x')" for s in (0.02, 0.02, 0.04, 0.06))]
        await asyncio.sleep(0)
        assert wire["a"]._timer is None

    asyncio.run(main())


def test_definite_travels():
    """A handler that raises Definite makes the call raise Definite with the reason."""

    async def main():
        wire = Wire()

        async def refuse(_src, _message):
            raise Definite("no such account")

        wire["b"].serve(refuse)
        with pytest.raises(Definite, match="b refused: no such account"):
            await wire["a"].call("b", Ask("x"), deadline_s=5)
        assert not wire.errors

    asyncio.run(main())


def test_a_bug_of_a_handler_is_loud():
    """Any other exception reaches the `failed` hook, and the caller learns nothing."""

    async def main():
        wire = Wire()
        bug = ZeroDivisionError("bug")

        async def broken(_src, _message):
            raise bug

        wire["b"].serve(broken)
        with pytest.raises(Indefinite):
            await wire["a"].call("b", Ask("x"), deadline_s=0.01)
        wire["b"].on_message("a", Ask("one way"))
        wire["b"].on_message("a", Request("s", 1, Op("read")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert wire.errors == [bug, bug, bug]

    asyncio.run(main())


def test_an_answer_of_the_wrong_peer_is_ignored():
    """Only the node that was asked can answer: a number alone is not enough."""

    async def main():
        wire = Wire()
        wire.lost.add(("a", "b"))
        call = asyncio.create_task(wire["a"].call("b", Ask("x"), deadline_s=5))
        await asyncio.sleep(0)
        number = wire.log[0][2].id
        wire["a"].on_message("c", Answer(number, Ask("forged")))
        wire["a"].on_message("b", Answer(number, Ask("true")))
        wire["a"].on_message("b", Answer(number, Ask("repeated")))
        assert await call == Ask("true")

    asyncio.run(main())


def test_clients_requests_are_answered_with_replies():
    """A plain Request gets the handler's Reply; Definite becomes `fail`; None and Indefinite are silence."""

    async def main():
        wire = Wire()

        async def serve(_src, request):
            match request.op.f:
                case "ok":
                    return Reply(request.session, request.seq, "ok", 1)
                case "refuse":
                    raise Definite("never")
                case "lost":
                    raise Indefinite("who knows")
            return None

        wire["b"].serve(serve)
        for seq, f in enumerate(("ok", "refuse", "lost", "silent")):
            wire["b"].on_message("c", Request("s", seq, Op(f)))
        for _ in range(3):
            await asyncio.sleep(0)
        assert wire.log == [("b", "c", Reply("s", 0, "ok", 1)), ("b", "c", Reply("s", 1, "fail", "never"))]

    asyncio.run(main())


def test_messages_before_serve_are_lost():
    """A node that does not serve yet is silent, and does not fail."""

    async def main():
        wire = Wire()
        wire["b"].on_message("a", Call(0, Ask("x")))
        wire["b"].on_message("a", Ask("x"))
        await asyncio.sleep(0)
        assert wire.log == []
        assert not wire.errors

    asyncio.run(main())


def test_numbers_start_where_told():
    """A node that boots again must not reuse the numbers of its former life."""

    async def main():
        sent = []
        caller = Caller("a", lambda _dst, message: sent.append(message), failed=print, first_id=7 << 32)
        with pytest.raises(Indefinite):
            await caller.call("b", Ask("x"), deadline_s=0.001)
        assert sent == [Call(7 << 32, Ask("x"))]

    asyncio.run(main())


def test_close_cancels_handlers_and_calls():
    """After close no handler runs on and nobody waits."""

    async def main():
        wire = Wire()
        ended = []

        async def forever(_src, _message):
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

        wire["b"].serve(forever)
        call = asyncio.create_task(wire["a"].call("b", Ask("x"), deadline_s=60))
        for _ in range(4):
            await asyncio.sleep(0)
        wire["a"].close()
        wire["b"].close()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert ended == [True]

    asyncio.run(main())
