# ruff: noqa: D101, D102 - written as its user would write it
"""Five-node Raft as a user would write it for production: asyncio streams, JSON lines, nothing of windtunnel's.

Elections, replication, commit, client requests with redirection; no snapshots, no membership changes, no disk. A node connects
to each peer once and keeps the connection; requests on it are answered in order.
"""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

HEARTBEAT_S = 0.05
ELECTION_S = (0.15, 0.30)
RPC_S = 0.1
PORT = 7000


class Peer:
    """A connection to another node, made when it is needed, with one request at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = asyncio.Lock()
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The answer, or None when there is none in time."""
        async with self.lock:
            try:
                async with asyncio.timeout(RPC_S):
                    if self.streams is None:
                        self.streams = await asyncio.open_connection(self.name, PORT)
                    reader, writer = self.streams
                    writer.write(json.dumps(request).encode() + b"\n")
                    return json.loads(await reader.readline())
            except (OSError, TimeoutError, ValueError):
                if self.streams is not None:
                    self.streams[1].close()
                self.streams = None
                return None


class Node:
    def __init__(self, name: str, names: list[str]) -> None:
        self.name = name
        self.peers = {other: Peer(other) for other in names if other != name}
        self.majority = len(names) // 2 + 1
        self.role, self.term, self.voted_for, self.leader = "follower", 0, None, None
        self.log: list[tuple[int, Any]] = [(0, None)]
        self.commit = self.applied = 0
        self.state: dict[str, Any] = {}
        self.next: dict[str, int] = {}
        self.match: dict[str, int] = {}
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        self.deadline = 0.0
        self.work: dict[str, asyncio.Event] = {}
        self.sent: dict[str, float] = {}

    async def main(self) -> None:
        server = await asyncio.start_server(self.serve, None, PORT)
        self.heard()
        async with server, asyncio.TaskGroup() as group:
            group.create_task(server.serve_forever())
            while True:
                if self.role == "leader":
                    await self.lead()
                    continue
                left = self.deadline - asyncio.get_running_loop().time()
                if left > 0.0:
                    await asyncio.sleep(left)
                else:
                    await self.stand()

    def heard(self) -> None:
        """A leader, or a candidate that got our vote, is alive: no election for a while."""
        self.deadline = asyncio.get_running_loop().time() + random.uniform(*ELECTION_S)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                request = json.loads(line)
                answer = await getattr(self, "on_" + request.pop("kind"))(**request)
                writer.write(json.dumps(answer).encode() + b"\n")
        except ConnectionError:
            pass
        finally:
            writer.close()

    # --- Elections ---

    def step_down(self, term: int) -> None:
        if term > self.term:
            self.term, self.voted_for, self.role = term, None, "follower"

    async def stand(self) -> None:
        self.role, self.term, self.voted_for = "candidate", self.term + 1, self.name
        self.heard()
        term, last = self.term, len(self.log) - 1
        request = {"kind": "vote", "term": term, "candidate": self.name, "last": last, "last_term": self.log[last][0]}
        votes = 1
        for asked in asyncio.as_completed([peer.call(request) for peer in self.peers.values()]):
            answer = await asked
            if answer is not None:
                self.step_down(answer["term"])
                votes += answer["granted"]
            if self.role != "candidate" or self.term != term:
                return
            if votes >= self.majority:
                self.role, self.leader = "leader", self.name
                return

    async def on_vote(self, term: int, candidate: str, last: int, last_term: int) -> dict[str, Any]:
        self.step_down(term)
        fresh = (last_term, last) >= (self.log[-1][0], len(self.log) - 1)
        granted = term == self.term and self.voted_for in (None, candidate) and fresh
        if granted:
            self.voted_for = candidate
            self.heard()
        return {"term": self.term, "granted": granted}

    # --- Replication ---

    async def lead(self) -> None:
        self.next = dict.fromkeys(self.peers, len(self.log))
        self.match = dict.fromkeys(self.peers, 0)
        self.sent = dict.fromkeys(self.peers, 0.0)
        self.work = {name: asyncio.Event() for name in self.peers}
        self.log.append((self.term, None))
        self.wake()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.beat(self.term))
            for name in self.peers:
                group.create_task(self.replicate(name, self.term))
        for future in self.waiting.values():
            if not future.done():
                future.set_result(None)
        self.waiting.clear()

    async def replicate(self, name: str, term: int) -> None:
        while self.role == "leader" and self.term == term:
            await self.work[name].wait()
            self.work[name].clear()
            self.sent[name] = asyncio.get_running_loop().time()
            first = self.next[name]
            entries = self.log[first:]
            request = {"kind": "append", "term": term, "leader": self.name, "before": first - 1}
            request |= {"before_term": self.log[first - 1][0], "entries": entries, "commit": self.commit}
            answer = await self.peers[name].call(request)
            if answer is not None:
                self.step_down(answer["term"])
                if self.role != "leader" or self.term != term:
                    return
                if answer["ok"]:
                    self.match[name] = first + len(entries) - 1
                    self.next[name] = self.match[name] + 1
                    self.advance()
                else:
                    self.next[name] = max(1, min(first - 1, answer["size"]))
                    self.work[name].set()

    async def beat(self, term: int) -> None:
        """A follower that had nothing to append hears from the leader all the same."""
        clock = asyncio.get_running_loop().time
        while self.role == "leader" and self.term == term:
            await asyncio.sleep(HEARTBEAT_S)
            for name, event in self.work.items():
                if clock() - self.sent[name] >= HEARTBEAT_S:
                    event.set()

    def wake(self) -> None:
        for event in self.work.values():
            event.set()

    async def on_append(
        self, term: int, leader: str, before: int, before_term: int, entries: list[Any], commit: int
    ) -> dict[str, Any]:
        self.step_down(term)
        if term < self.term:
            return {"term": self.term, "ok": False, "size": len(self.log)}
        self.role, self.leader = "follower", leader
        self.heard()
        if before >= len(self.log) or self.log[before][0] != before_term:
            return {"term": self.term, "ok": False, "size": min(len(self.log), before)}
        for i, entry in enumerate(entries, before + 1):
            if i >= len(self.log) or self.log[i][0] != entry[0]:
                self.log[i:] = [tuple(entry)]
        self.commit = max(self.commit, min(commit, before + len(entries)))
        self.apply()
        return {"term": self.term, "ok": True, "size": len(self.log)}

    def advance(self) -> None:
        index = sorted([*self.match.values(), len(self.log) - 1])[-self.majority]
        if index > self.commit and self.log[index][0] == self.term:
            self.commit = index
            self.apply()

    def apply(self) -> None:
        while self.applied < self.commit:
            self.applied += 1
            command = self.log[self.applied][1]
            if command is not None:
                self.state[command[0]] = command[1]
            waiting = self.waiting.pop(self.applied, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(self.log[self.applied][0])

    # --- Clients ---

    async def on_put(self, key: str, value: Any) -> dict[str, Any]:
        if self.role != "leader":
            return {"ok": False, "leader": self.leader}
        self.log.append((self.term, (key, value)))
        index, term = len(self.log) - 1, self.term
        done = self.waiting[index] = asyncio.get_running_loop().create_future()
        self.wake()
        return {"ok": await done == term, "leader": self.leader}
