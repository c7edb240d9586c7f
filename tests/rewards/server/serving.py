"""A reward server as a process, and requests to it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

RIGHT = "<think>Natural pores; this is a live face.</think><answer>real</answer>"
WRONG = "<think>Natural pores; this is a live face.</think><answer>spoof</answer>"


class Server:
    """A running server: ``url``, ``port`` and ``process``."""

    def __init__(self, process, log):
        self.process, self._log = process, log
        deadline = time.monotonic() + 30
        while "get_reward" not in self.log():
            assert process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.02)
        where = self.log().split("/get_reward")[0].split()[-1]
        self.url = where if where.startswith("http") else None
        self.port = int(where.rsplit(":", 1)[1]) if self.url else None
        while self.url and not self._ready():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def _ready(self):
        with contextlib.suppress(OSError):
            return self.get("/readyz") == {"status": "ready"}
        return False

    def log(self):
        self._log.seek(0)
        return self._log.read()

    def get(self, path, **headers):
        request = urllib.request.Request(self.url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            content = answer.read()
        return content.decode() if path == "/metrics" else json.loads(content)

    def post(self, body, path="/get_reward", **headers):
        """Status and answer."""
        status, _, answer = self.answer(body, path, **headers)
        return status, answer

    def answer(self, body, path="/get_reward", method="POST", **headers):
        """Status, headers and answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, error.headers, json.load(error)

    def metric(self, line):
        """The value behind ``line`` on the page of metrics."""
        [value] = [
            row.split()[-1]
            for row in self.get("/metrics").splitlines()
            if row.startswith(line + " ")
        ]
        return float(value)

    def workers(self):
        return children(self.process.pid)


def children(pid):
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


@contextlib.contextmanager
def running(*options, attempts=1, **environment):
    """A server on a free port; started again while it finds its address in use."""
    if "--unix" not in options and "--port" not in options:
        options = (*options, "--port", "0")
    with tempfile.TemporaryFile("a+") as log:
        command = [sys.executable, "-m", "fas_plugin.rewards.server", *map(str, options)]
        for attempt in range(attempts):
            process = subprocess.Popen(command, stderr=log, env={**os.environ, **environment})
            try:
                started = Server(process, log)
                break
            except AssertionError:
                process.kill()
                if attempt == attempts - 1:
                    raise
        try:
            yield started
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            sys.stderr.write(
                Server.log(type("Log", (), {"_log": log})())
            )  # shown where a test fails


def request_for(*completions, label="real"):
    return {
        "query": ["PROMPT" + completion for completion in completions],
        "prompts": ["PROMPT"] * len(completions),
        "labels": [label] * len(completions),
    }
