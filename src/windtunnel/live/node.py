"""One node as one operating-system process: `python -m windtunnel.live.node CONFIG.json`.

The world starts it and talks to it in lines of JSON, on its stdin and stdout. From the world: `{"do": "state"}`,
`{"do": "core"}`, `{"do": "clock", "offset_s": 1.0, "drift": 0.0}`, `{"do": "disk", "full": false, "sync_s": 0.0}`. To the world:
`{"ready": port}` once it listens, `{"state": ...}` and `{"core": ...}` (see `snapshots`), and before it exits by itself one of
`{"failed": ...}` (a handler raised), `{"refused": why}` (its disk), `{"taken": port}`, `{"wrong": why}`. When stdin ends, the
world is gone and so is the node.

What a system prints goes to the log file with its tracebacks, not into this conversation.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from windtunnel.base.errors import StorageError, UsageError
from windtunnel.base.messages import NodeId
from windtunnel.base.streams import Stream
from windtunnel.base.system import Setup, System
from windtunnel.live.config import NodeConfig, load_system
from windtunnel.live.disks import FaultyWal
from windtunnel.live.pace import loop_factory
from windtunnel.live.processes import die_with_parent
from windtunnel.live.snapshots import freeze, visible
from windtunnel.live.transport import Transport
from windtunnel.runtime.codec import Codec
from windtunnel.runtime.driver import Driver
from windtunnel.runtime.host import LoopHost

SLOW_SYNC_S = 0.002  # a disk slower than this syncs in a thread, so that the node hears its peers meanwhile
_COLLECT_EVERY = 50_000  # container allocations between two young collections: messages cannot form cycles


class Node:
    """The process's one node. tell: sends one line to the world."""

    def __init__(self, config: NodeConfig, system: System, pipe: int) -> None:
        self._config = config
        self._system = system
        self._pipe = pipe
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._log: FaultyWal | None = None
        self._driver: Driver | None = None
        self._core: Any = None
        self._rest = b""
        self._transport = Transport(config.me, Codec(system.messages), config.peers, self._not_yet, say=_say)

    async def run(self) -> None:
        """Boot, serve, and return when the world or the node itself says so."""
        self._loop.set_exception_handler(self._on_loop_error)
        self._loop.add_reader(0, self._on_command)
        try:
            self._boot()
            port = await self._transport.listen(self._config.host, self._config.port)
        except StorageError as error:
            self._tell({"refused": str(error)})
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            self._tell({"taken": self._config.port})
            return
        except UsageError as error:
            self._tell({"wrong": str(error)})
            return
        except Exception as error:  # noqa: BLE001 - whatever a system raises at boot is a finding about the system
            self._failed(error, "start")
            return
        self._transport.dial()
        self._start()
        if not self._over.done():
            self._tell({"ready": port})
        await self._over

    # --- Boot ---

    def _boot(self) -> None:
        config, system = self._config, self._system
        records: list[Any] = []
        if config.wal is not None:
            log, records = FaultyWal.open(Path(config.wal), system.records)
            assert isinstance(log, FaultyWal)
            self._log = log
            if log.torn_bytes:
                _say(f"dropped a torn batch of {log.torn_bytes} bytes")
        dice = Stream(config.seed, f"live/{config.me}/{config.life}").random
        driver = self._driver = Driver(
            self._transport,
            failed=self._failed,
            dice=dice,
            log=self._log,
            now=time.monotonic,
            threaded=config.threaded,
        )
        setup = Setup(
            me=config.me,
            nodes=config.nodes,
            out=driver,
            records=records,
            safeguards=msgspec.json.decode(config.safeguards, type=system.safeguards),
            options=msgspec.json.decode(config.options, type=system.options),
        )
        self._core = system.build(setup)
        if system.form == "procedure":
            self._core = LoopHost(config.me, config.nodes, driver, self._core, records=records, life=config.life)

    def _start(self) -> None:
        gc.freeze()
        gc.set_threshold(_COLLECT_EVERY, 20, 20)
        assert self._driver is not None, "started before the boot"
        self._transport.deliver = self._driver.deliver
        self._driver.start(self._core)

    def _not_yet(self, _src: NodeId, _message: Any) -> None:
        """Messages that arrive before the start are lost, as at a process that does not listen."""

    # --- The world's commands ---

    def _on_command(self) -> None:
        data = os.read(0, 65536)
        if not data:
            os._exit(0)  # nobody is left to tell, nothing unsynced was promised
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._obey(msgspec.json.decode(line))

    def _obey(self, command: dict[str, Any]) -> None:
        state = self._core.observed if isinstance(self._core, LoopHost) else self._core
        if command["do"] == "state":
            self._tell({"state": freeze(visible(state))})
        elif command["do"] == "core":
            try:
                self._tell({"core": freeze(state, hidden=self._driver)})
            except Exception as error:  # noqa: BLE001 - pickle raises what it likes
                self._tell({"core": None, "why": f"{type(error).__name__}: {error}"})
        elif command["do"] == "clock" and self._driver is not None:
            self._driver.set_clock(command["offset_s"], command["drift"])
            if isinstance(self._core, LoopHost):
                self._loop.rate = 1.0 + command["drift"]  # type: ignore[attr-defined] # a paced loop
        elif command["do"] == "disk" and self._log is not None:
            self._log.full = command["full"]
            self._log.sync_s = command["sync_s"]
            if self._driver is not None:
                self._driver.sync_in_thread(on=self._config.threaded or command["sync_s"] > SLOW_SYNC_S)

    # --- The end ---

    def _failed(self, error: Exception, event: str) -> None:
        if isinstance(error, StorageError):
            self._tell({"refused": str(error)})
        else:
            text = "".join(traceback.format_exception(error))
            _say(f"{event}:\n{text}")
            last = traceback.format_exception_only(error)[-1].strip()
            self._tell({"failed": {"event": event, "error": last, "text": text[-20_000:]}})
        if not self._over.done():
            self._over.set_result(None)

    def _on_loop_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A task of the system died of an exception that nobody awaited, or our own code has a bug: loud either way."""
        error = context.get("exception")
        self._failed(error if isinstance(error, Exception) else RuntimeError(context["message"]), "task")

    def _tell(self, line: dict[str, Any]) -> None:
        _write_line(self._pipe, line)


def _write_line(pipe: int, line: dict[str, Any]) -> None:
    data = msgspec.json.encode(line) + b"\n"
    while data:
        data = data[os.write(pipe, data) :]


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main(argv: list[str]) -> NoReturn:
    """Run the node that the configuration file describes, and exit."""
    config = msgspec.json.decode(Path(argv[0]).read_bytes(), type=NodeConfig)
    die_with_parent(config.parent)
    pipe = os.dup(1)
    os.dup2(2, 1)

    try:
        system = load_system(config.loader, config.system)
        factory = loop_factory(config.loop, paced=system.form == "procedure")
    except UsageError as error:
        _write_line(pipe, {"wrong": str(error)})
        os._exit(1)

    async def run() -> None:
        try:
            node = Node(config, system, pipe)
        except UsageError as error:
            _write_line(pipe, {"wrong": str(error)})
        else:
            await node.run()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(run())
        os._exit(0)  # crash-only: there is no state worth an orderly end, and a task may refuse to be cancelled


if __name__ == "__main__":
    main(sys.argv[1:])
