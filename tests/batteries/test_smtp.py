"""The mail sink takes what mail clients send, and tells what it refuses."""

import asyncio
import smtplib
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windtunnel.batteries.smtp import Message, SmtpSink
from windtunnel.sim import World

PIECES = [b"EHLO m\r\n", b"MAIL FROM:<a>\r\n", b"RCPT TO:<b>\r\n", b"DATA\r\n", b".\r\n", b"\r", b"\n", b"\0\xff", b"QUIT"]


def mail(**fields):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@x", "b@x", "hello"
    message.set_content("first\n.second\n..third\n")
    return message


def test_the_standard_library_sends_mail(run_really):
    """Several messages on one connection, dots at the start of lines, refused recipients."""

    async def start():
        sink = SmtpSink()
        await sink.start("127.0.0.1", 0)
        return sink

    sink = run_really(start).server
    sink.refused["no@x"] = "550 5.1.1 no such user"
    with smtplib.SMTP("127.0.0.1", sink.port, local_hostname="me") as client:
        assert client.send_message(mail()) == {}
        assert client.sendmail("a@x", ["c@x", "no@x"], "Subject: two\r\n\r\nbody") == {"no@x": (550, b"5.1.1 no such user")}
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@x", ["no@x"], "x")
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("a@x", ["b@x"], "x", mail_options=["SIZE=99999999999"])
        assert client.noop()[0] == 250
        assert client.verify("b@x")[0] == 252
    first, second = sink.messages
    assert (first.sender, first.recipients, first.helo) == ("a@x", ("b@x",), "me")
    assert first.data.endswith(b"\r\n\r\nfirst\r\n.second\r\n..third\r\n")
    assert second.recipients == ("c@x",)


def spoken(data):
    """What a sink says to these bytes, and what it keeps."""

    async def main():
        sink = SmtpSink()
        await sink.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        writer.write(data)
        writer.write_eof()
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        await sink.close()
        return said, sink.messages

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        ("MAIL FROM:<a@x>", [503]),
        ("EHLO", [501]),
        ("EHLO me|RCPT TO:<b@x>|DATA", [250, 503, 503]),
        ("HELO me|MAIL FROM:<>|MAIL FROM:<a@x>|RCPT TO:<>|DATA", [250, 250, 503, 501, 503]),
        ("HELO me|MAIL TO:<a@x>|MAIL a@x|MAIL FROM:a@x", [250, 501, 501, 501]),
        ("HELO me|MAIL FROM:<a@x>|RSET|RCPT TO:<b@x>|DATA now", [250, 250, 250, 503, 501]),
        ("STARTTLS|NOOP|QUIT|NOOP", [500, 250, 221]),
        ("X" * 3000 + "|NOOP", [500, 250]),
    ],
)
def test_the_order_of_commands_is_kept(lines, codes):
    """Each command out of turn, or malformed, has its own reply, and the conversation goes on."""
    said, kept = spoken("".join(f"{line}\r\n" for line in lines.split("|")).encode())
    replies = [int(line[:3]) for line in said.decode().splitlines() if line[3:4] == " "]
    assert replies[1:] == codes
    assert kept == []


def test_a_pipelined_message_is_taken():
    """All in one piece, with the null sender; a source route is ignored."""
    said, kept = spoken(b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<@relay:b@x> X=1\r\nDATA\r\n..\r\n.\r\nQUIT\r\n")
    assert said.splitlines()[-1].startswith(b"221")
    assert kept == [Message("", ("b@x",), b".\r\n", "me")]


@pytest.mark.slow
@given(
    st.lists(
        st.sampled_from(
            [b"EHLO m\r\n", b"MAIL FROM:<a>\r\n", b"RCPT TO:<b>\r\n", b"DATA\r\n", b".\r\n", b"\r", b"\n", b"\0\xff", b"QUIT"]
        ),
        max_size=8,
    )
)
def test_noise_is_answered_or_ends(parts):
    """Whatever comes, every reply is a line with a code, and the sink ends the conversation cleanly."""
    said, _ = spoken(b"".join(parts))
    assert all(line[:3].isdigit() for line in said.splitlines())


def test_a_sink_in_the_tunnel():
    """A host sends mail to another host, which dies in the middle of it: nothing half is kept."""

    async def scenario(world):
        kept = []

        async def main():
            sink = SmtpSink(accepted=kept.append)
            await sink.start(port=25)
            await asyncio.get_running_loop().create_future()

        host = world.host("mail", main=main)
        async with world.client("sender"):
            await asyncio.sleep(1.0)
            for whole in (True, False):
                reader, writer = await asyncio.open_connection("mail", 25)
                writer.write(b"HELO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nbody\r\n")
                if whole:
                    writer.write(b".\r\nQUIT\r\n")
                    assert (await reader.read()).endswith(b"bye\r\n")
                else:
                    await asyncio.sleep(1.0)
                    host.kill()
                    assert (await reader.read()).startswith(b"220 sink")  # and then the end
                writer.close()
        return [message.data for message in kept]

    world = World(1)
    assert world.run(scenario, world) == [b"body\r\n"]
