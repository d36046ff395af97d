"""The life of the server: how it begins, and that nothing is left when it ends."""

import signal
import socket

import pytest
from served_studio import children, gone, wait_until

from windtunnel.base.errors import UsageError
from windtunnel.cli import main
from windtunnel.studio.server import opened

SLOW = {"system": "rumor", "seed": 3, "for_s": 300, "speed": 1}


def test_only_this_machine_can_connect():
    """The socket is bound to a loopback address."""
    with opened(0) as door:
        assert door.getsockname()[0] == "127.0.0.1"


def test_a_port_in_use_is_said(capsys):
    """One line, with the way out, and the code of wrong usage."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match="--port"):
            opened(port)
        assert main(["studio", "--no-browser", "--port", str(port)]) == 3
    assert "cannot be used" in capsys.readouterr().err


def test_what_is_missing_is_named(capsys, monkeypatch):
    """Without the extra the command says what is missing and how it is installed; a port is a port."""
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["studio"]) == 3
    assert "pip install 'windtunnel[studio]'" in capsys.readouterr().err
    monkeypatch.undo()
    assert main(["studio", "--port", "70000"]) == 3
    assert main(["studio", "--no-store"]) == 3


def test_each_start_has_another_token(fresh_studio):
    """The token is long, and is not in what strangers are told."""
    assert len(fresh_studio.token) >= 43
    status, _, body = fresh_studio.ask("GET", "/", visitor=False)
    assert status == 403
    assert fresh_studio.token.encode() not in body


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_runs_end_with_the_server(fresh_studio, number):
    """However it ends, even killed outright, the processes that it started are gone a moment later."""
    job = fresh_studio.post("/api/runs", SLOW)["job"]
    fresh_studio.events(job, until="frame")
    started = children(fresh_studio.process.pid)
    assert started
    code = fresh_studio.end(number)
    assert code == (0 if number != signal.SIGKILL else -signal.SIGKILL)
    assert wait_until(lambda: all(gone(pid) for pid in started))


def test_a_child_that_dies_is_an_answer(fresh_studio):
    """A job whose process is killed ends with what happened, and the studio lives."""
    job = fresh_studio.post("/api/runs", SLOW)["job"]
    fresh_studio.events(job, until="frame")
    import os

    for pid in children(fresh_studio.process.pid):
        os.kill(pid, signal.SIGKILL)
    told = fresh_studio.events(job)
    assert told[-1]["state"] == "failed"
    assert "SIGKILL" in next(event["text"] for event in told if event["kind"] == "error")
    assert fresh_studio.get("/api/jobs") == {"jobs": []}
