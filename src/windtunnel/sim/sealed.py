"""What a simulated event loop refuses: every call of asyncio that reaches the real world, by name.

The first group is the seam for simulated sockets: a transport layer on `sim.links` would override it. The second group stays
outside for good: descriptors, signals, threads and subprocesses are not simulated.
"""

# ruff: noqa: D102 - the docstring of the class holds for each
# mypy: disable-error-code="override"

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

from windtunnel.base.errors import Escaped
from windtunnel.sim.escapes import escape
from windtunnel.sim.life import current_host

_INSTEAD = dict.fromkeys(
    ("subprocess_exec", "subprocess_shell"), "a host has one process; make the program a host of its own"
) | dict.fromkeys(
    ("add_reader", "add_writer", "remove_reader", "remove_writer", "connect_read_pipe", "connect_write_pipe"),
    "descriptors of the system are not simulated; use streams, protocols or loop.sock_*",
)


def _escaped(name: str) -> Escaped:
    host = current_host()
    if host is None:
        return Escaped(
            f"loop.{name}: simulated code cannot leave the simulation; a procedure has its host for everything outside"
        )
    return escape(host, f"loop.{name}", _INSTEAD.get(name, "it is not simulated"))


class Sealed(asyncio.AbstractEventLoop):
    """An event loop without a world. Each of these methods raises Escaped."""

    # --- Sockets ---

    def connect_accepted_socket(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("connect_accepted_socket")

    def create_connection(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("create_connection")

    def create_datagram_endpoint(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("create_datagram_endpoint")

    def create_server(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("create_server")

    def getaddrinfo(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("getaddrinfo")

    def getnameinfo(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("getnameinfo")

    def sendfile(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("sendfile")

    def sock_accept(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("sock_accept")

    def sock_connect(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("sock_connect")

    def sock_recv(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("sock_recv")

    def sock_recv_into(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("sock_recv_into")

    def sock_recvfrom(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("sock_recvfrom")

    def sock_recvfrom_into(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("sock_recvfrom_into")

    def sock_sendall(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("sock_sendall")

    def sock_sendfile(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("sock_sendfile")

    def sock_sendto(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("sock_sendto")

    def start_tls(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("start_tls")

    # --- Descriptors, signals, threads, subprocesses ---

    def add_reader(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("add_reader")

    def add_signal_handler(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("add_signal_handler")

    def add_writer(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("add_writer")

    def connect_read_pipe(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("connect_read_pipe")

    def connect_write_pipe(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("connect_write_pipe")

    def create_unix_connection(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("create_unix_connection")

    def create_unix_server(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("create_unix_server")

    def remove_reader(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("remove_reader")

    def remove_signal_handler(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("remove_signal_handler")

    def remove_writer(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("remove_writer")

    def run_in_executor(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("run_in_executor")

    def set_default_executor(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("set_default_executor")

    def subprocess_exec(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("subprocess_exec")

    def subprocess_shell(self, *_args: Any, **_options: Any) -> NoReturn:
        raise _escaped("subprocess_shell")
