"""Certificates and keys that OpenSSL reads by path, from the files of a host."""

import os
import ssl
from pathlib import Path

import pytest
import trustme


@pytest.fixture
def written(disk):
    """A certificate and its key on the host's disk, and the authority; nothing of it is on the real one."""
    authority = trustme.CA()
    server = authority.issue_cert("server")
    with disk.here():
        os.makedirs("/desk")
        Path("/desk/cert.pem").write_bytes(server.cert_chain_pems[0].bytes())
        Path("/desk/key.pem").write_bytes(server.private_key_pem.bytes())
        Path("/desk/ca.pem").write_bytes(authority.cert_pem.bytes())
        yield
    assert not os.path.exists("/desk")


def test_a_certificate_and_its_key(written):
    """Both are found where the host wrote them, as path or text."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path("/desk/cert.pem"), "/desk/key.pem")


def test_an_authority(written):
    """A trusted certificate is read from the host's file, also by `create_default_context`."""
    context = ssl.create_default_context(cafile="/desk/ca.pem")
    assert len(context.get_ca_certs()) == 1


def test_what_is_not_there_or_no_certificate(written):
    """The errors are those of the real call."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(FileNotFoundError):
        context.load_cert_chain("/desk/nothing.pem")
    Path("/desk/empty.pem").write_bytes(b"")
    with pytest.raises(ssl.SSLError):
        context.load_cert_chain("/desk/empty.pem")


def test_outside_nothing_is_patched():
    """The class has no methods of ours when no simulation is on."""
    assert "load_cert_chain" not in vars(ssl.SSLContext)
    assert "load_verify_locations" not in vars(ssl.SSLContext)


def test_a_bundle_is_read_when_the_context_is_used(written):
    """The authorities of `certifi` are there for whoever asks or connects, and a file that the host changed is read at once."""
    import certifi

    context = ssl.create_default_context(cafile=certifi.where())
    assert len(context.get_ca_certs()) > 50
    assert context.cert_store_stats()["x509_ca"] > 50
    Path(certifi.where()).write_bytes(b"no certificates any more")
    with pytest.raises(ssl.SSLError):
        ssl.create_default_context(cafile=certifi.where())


def test_a_context_that_outlives_the_run_has_its_authorities(disk):
    """What was put off inside is read at the latest at the end."""
    with disk.here():
        context = ssl.create_default_context()
    real = ssl.create_default_context()
    assert context.cert_store_stats() == real.cert_store_stats()
