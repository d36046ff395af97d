"""Certificates and keys that OpenSSL reads by their path, past `open`: it is given copies in memory of the host's files."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from windtunnel.sim.files.opened import current_files, open_on_host

_BASE: Any = ssl.SSLContext.__mro__[1]  # the C type whose methods read the files


def load_cert_chain(self: ssl.SSLContext, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
    """See `ssl.SSLContext.load_cert_chain`."""
    with _copied(certfile) as certificate, _copied(keyfile) as key:
        _BASE.load_cert_chain(self, certificate, key, password)


def load_verify_locations(self: ssl.SSLContext, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
    """See `ssl.SSLContext.load_verify_locations`. A directory of certificates is the real one."""
    with _copied(cafile) as certificates:
        _BASE.load_verify_locations(self, certificates, capath, cadata)


def patch() -> None:
    """Put both in the place of those that they override."""
    ssl.SSLContext.load_cert_chain = load_cert_chain  # type: ignore[assignment, method-assign]
    ssl.SSLContext.load_verify_locations = load_verify_locations  # type: ignore[assignment, method-assign]


def restore() -> None:
    """Take them away again: the C type's own are found."""
    del ssl.SSLContext.load_cert_chain
    del ssl.SSLContext.load_verify_locations


@contextmanager
def _copied(path: Any) -> Iterator[Any]:
    """A path under which C code finds the bytes that the host's file has now."""
    files = current_files()
    if files is None or path is None:
        yield path
        return
    with open_on_host(files, path, "rb") as source:
        content = source.read()
    descriptor = os.memfd_create("certificate")
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
