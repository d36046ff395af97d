"""A running studio for tests: a server process with folders of its own, and a visitor that has its token."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


class Served:
    """A running studio. url: with the token; port, token; store, labs, home: its folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store, self.labs, self.home = folder / "store", folder / "labs", folder / "home"
        env = {**os.environ, "WINDTUNNEL_HOME": str(self.home), "PYTHONHASHSEED": "0"}
        words = ["studio", "--json", "--no-browser", "--store", str(self.store), "--labs", str(self.labs)]
        self.errors = (folder / "errors.txt").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "windtunnel", *words], stdout=subprocess.PIPE, stderr=self.errors, env=env, cwd=folder
        )
        line = self.process.stdout.readline()
        assert line, (folder / "errors.txt").read_text()
        self.said = json.loads(line)
        self.url, self.port = self.said["url"], self.said["port"]
        self.token = self.url.partition("token=")[2]
        self.base = self.url.partition("/?")[0]
        self.cookie = f"windtunnel-{self.port}={self.token}"

    def ask(self, method, path, body=None, *, headers=None, visitor=True):
        """One request as a page of the studio sends it; `headers` replaces, or (None) removes. Returns status, headers, body."""
        sent = {"Host": f"127.0.0.1:{self.port}"}
        if visitor:
            sent["Cookie"] = self.cookie
        if method != "GET":
            sent |= {"Origin": self.base, "Content-Type": "application/json"}
            body = json.dumps(body if body is not None else {}) if not isinstance(body, str | bytes) else body
        sent |= headers or {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                for each in value if isinstance(value, list) else [value]:
                    if each is not None:
                        connection.putheader(name, each)
            data = body.encode() if isinstance(body, str) else body
            if data is not None and "Transfer-Encoding" not in sent:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def get(self, path):
        """The JSON of a GET that must succeed."""
        status, _, body = self.ask("GET", path)
        assert status == 200, body
        return json.loads(body)

    def post(self, path, body=None):
        """The JSON of a POST that must succeed."""
        status, _, answer = self.ask("POST", path, body)
        assert status == 200, answer
        return json.loads(answer)

    def events(self, job, *, until="end", limit_s=60.0, after=0):
        """The events of a job after a place, in order, until one of kind `until`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit_s)
        found = []
        with contextlib.closing(connection):
            connection.request("GET", f"/api/jobs/{job}/events", headers={"Cookie": self.cookie, "Last-Event-ID": str(after)})
            answer = connection.getresponse()
            assert answer.status == 200
            while line := answer.readline():
                if line.startswith(b"data: "):
                    found.append(json.loads(line[6:]))
                    if found[-1]["kind"] in (until, "end"):
                        break
        return found

    def end(self, number=signal.SIGTERM):
        """Send a signal, wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=15)
        self.process.stdout.close()
        self.errors.close()
        return code


def gone(pid):
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def children(pid):
    """The children of a process, by /proc."""
    try:
        return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def wait_until(fact, limit_s=10.0):
    """Wait for a fact about other processes, which offer no event."""
    ends = time.monotonic() + limit_s
    while not (found := fact()) and time.monotonic() < ends:
        time.sleep(0.05)
    return found
