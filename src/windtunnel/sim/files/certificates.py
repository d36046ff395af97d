"""Certificates and keys that OpenSSL reads by their path, past `open`: it is given copies in memory of the host's files.

The bundle of authorities of `certifi` and that of the system take OpenSSL 45 ms to read, more than a short simulation takes
altogether, and HTTP clients load one whether they will speak TLS or not. These two are known to be sound, so they are read when
the context is first used.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from windtunnel.sim.files.opened import current_files, open_on_host

_BASE: Any = ssl.SSLContext.__mro__[1]  # the C type whose methods read the files
_late: WeakKeyDictionary[ssl.SSLContext, list[tuple[Callable[..., None], Any]]] = WeakKeyDictionary()  # what is still to be read
_USES = ("wrap_bio", "wrap_socket", "get_ca_certs", "cert_store_stats")


def load_cert_chain(self: ssl.SSLContext, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
    """See `ssl.SSLContext.load_cert_chain`."""
    with _copied(certfile) as certificate, _copied(keyfile) as key:
        _BASE.load_cert_chain(self, certificate, key, password)


def load_verify_locations(self: ssl.SSLContext, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
    """See `ssl.SSLContext.load_verify_locations`. A directory of certificates is the real one."""
    if capath is None and cadata is None and _is_bundle(cafile):
        _late.setdefault(self, []).append((_BASE.load_verify_locations, cafile))
        return
    with _copied(cafile) as certificates:
        _BASE.load_verify_locations(self, certificates, capath, cadata)


def load_default_certs(self: ssl.SSLContext, purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH) -> None:
    """See `ssl.SSLContext.load_default_certs`."""
    if current_files() is None:
        _REAL["load_default_certs"](self, purpose)
    else:
        _late.setdefault(self, []).append((_REAL["load_default_certs"], purpose))


def _before(name: str) -> Callable[..., Any]:
    """A method that first reads what was put off."""
    real = getattr(ssl.SSLContext, name)

    def use(self: ssl.SSLContext, *args: Any, **options: Any) -> Any:
        _catch_up(self)
        return real(self, *args, **options)

    return use


def _catch_up(context: ssl.SSLContext) -> None:
    for load, what in _late.pop(context, ()):
        load(context, what)


_OURS: dict[str, Any] = {
    "load_cert_chain": load_cert_chain,
    "load_verify_locations": load_verify_locations,
    "load_default_certs": load_default_certs,
    **{name: _before(name) for name in _USES},
}
_REAL: dict[str, Any] = {name: vars(ssl.SSLContext)[name] for name in _OURS if name in vars(ssl.SSLContext)}


def patch() -> None:
    """Put ours in the place of those that they override."""
    for name, ours in _OURS.items():
        setattr(ssl.SSLContext, name, ours)


def restore() -> None:
    """Give the class its own methods back, and contexts that outlive the run what was put off."""
    for context in list(_late):
        _catch_up(context)
    for name in _OURS:
        if name in _REAL:
            setattr(ssl.SSLContext, name, _REAL[name])
        else:
            delattr(ssl.SSLContext, name)


def _is_bundle(path: Any) -> bool:
    """Whether it is one of the two known bundles, as it is on the real disk."""
    files = current_files()
    certifi = sys.modules.get("certifi")
    known = {ssl.get_default_verify_paths().cafile, None if certifi is None else certifi.where()}
    if files is None or not isinstance(path, str) or path not in known:
        return False
    description = files.open(path, os.O_RDONLY)
    try:
        return bool(description.real >= 0)
    finally:
        description.references = 1
        description.close()


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
