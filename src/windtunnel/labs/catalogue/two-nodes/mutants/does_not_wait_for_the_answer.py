"""Two nodes that hold one note, so that it survives the loss of one of them. A client may read and write at either."""

import asyncio

PORT = 4000


class Node:
    """One of the two. peer: the host name of the other one."""

    def __init__(self, peer):
        self.peer = peer
        self.note = "empty"

    async def serve(self):
        """Answer for ever."""
        server = await asyncio.start_server(self.on_connection, port=PORT)
        await server.serve_forever()

    async def on_connection(self, reader, writer):
        """Each line is a request: READ, WRITE <note>, or COPY <note> from the other node."""
        while line := (await reader.readline()).decode().strip():
            word, _, text = line.partition(" ")
            if word == "READ":
                answer = self.note
            elif word == "WRITE":
                self.note = text
                print(f"my note is now {text!r}")
                await self.tell_peer(text)
                answer = "OK"
            else:
                self.note = text
                print(f"my note is now {text!r}")
                answer = "OK"
            writer.write(f"{answer}\n".encode())
            await writer.drain()
        writer.close()

    async def tell_peer(self, text):
        """Bring a new note to the other node; returns when it has confirmed."""
        reader, writer = await asyncio.open_connection(self.peer, PORT)
        writer.write(f"COPY {text}\n".encode())
        await writer.drain()
        writer.close()
