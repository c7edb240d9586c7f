"""Slow, greedy and many clients; a slow judge; hostile bodies."""

import contextlib
import json
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import RIGHT, WRONG, request_for, running


@contextlib.contextmanager
def model(seconds):
    """An endpoint of a language model that says "real" after ``seconds``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(seconds)
            body = json.dumps({"choices": [{"message": {"content": "real"}}]}).encode()
            with contextlib.suppress(OSError):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Endpoint(ThreadingHTTPServer):
        request_queue_size = 256

    endpoint = Endpoint(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=endpoint.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{endpoint.server_port}/v1#m"
    endpoint.shutdown()
    thread.join()
    endpoint.server_close()


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def test_a_body_beyond_the_limit_is_refused(server):
    status, answer = server.post(b"x" * (17 * 1024 * 1024))
    assert status == 413 and answer["field"] == "body"


def test_limits_can_be_set():
    limits = ("--max-body", "2000", "--max-batch", "2", "--max-text", "100")
    with running(*limits) as server:
        assert server.post(b"x" * 2001)[0] == 413
        assert server.post(request_for("", "", ""))[1]["error"].startswith("query: more than 2")
        assert server.post(request_for("x" * 100))[1]["field"] == "query/0"
        # Sent in pieces, without saying how long it is.
        with connect(server) as client:
            client.sendall(b"POST /get_reward HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
            time.sleep(0.1)
            client.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
            assert b" 413 " in client.recv(1000)


def test_slow_loris_leaves_others_served():
    """500 connections with half a head, 50 of which go on dripping."""
    with running("--header-seconds", "2", "--read-seconds", "3") as server:
        half_open = [connect(server) for _ in range(500)]
        try:
            for client in half_open[:450]:
                client.sendall(b"POST /get_reward HTTP/1.1\r\nHost: x\r\n")
            body = b"POST /get_reward HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"
            for client in half_open[450:]:
                client.sendall(body)
            began = time.monotonic()
            took = []
            while time.monotonic() - began < 1.5:
                start = time.monotonic()
                assert server.post(request_for(RIGHT))[1]["rewards"] == [1.0]
                took.append(time.monotonic() - start)
                for client in half_open[400:450]:
                    client.sendall(b"x: y\r\n")
            assert max(took) < 1
            # Both kinds are ended, with a word of why.
            assert b"408" in half_open[0].recv(1000) and b"408" in half_open[449].recv(1000)
            assert b"body: not complete after 3 seconds" in half_open[450].recv(1000)
        finally:
            for client in half_open:
                client.close()


def test_clients_that_do_not_read_their_answer_are_dropped():
    with running("--header-seconds", "1", "--read-seconds", "1") as server:
        [worker] = server.workers()
        before = len(os.listdir(f"/proc/{worker}/fd"))
        body = json.dumps({"completions": [RIGHT] * 1000, "labels": ["real"] * 1000}).encode()
        head = b"POST /v1/score HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf.connect(("127.0.0.1", server.port))
            for _ in range(25):  # answers of megabytes, more than the sockets hold
                deaf.sendall(head + body)
            deadline = time.monotonic() + 20
            while server.metric("fas_completions_total") < 1_500:
                time.sleep(0.1)
            assert len(os.listdir(f"/proc/{worker}/fd")) > before
            while len(os.listdir(f"/proc/{worker}/fd")) > before:
                assert time.monotonic() < deadline
                time.sleep(0.2)


def test_heads_without_end_and_garbage_are_refused(server):
    with connect(server) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\n")
        with contextlib.suppress(OSError):
            for _ in range(40):
                client.sendall(b"x: " + b"y" * 1000 + b"\r\n")
        assert b" 431 " in client.recv(1000)
    with connect(server) as client:
        client.sendall(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        answer = client.recv(1000)
        assert b" 400 " in answer and b'"field": "request"' in answer


def test_small_and_large_requests_take_turns_on_a_connection(server):
    """Small ones are answered as they come in, large ones by the way of all others."""
    with connect(server) as client:
        for completions in ([RIGHT], [RIGHT] * 1000, [RIGHT], [RIGHT] * 40):
            body = json.dumps(request_for(*completions)).encode()
            head = b"POST /get_reward HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
            client.sendall(head + body)
            received = client.recv(65536)
            while len(received.partition(b"\r\n\r\n")[2]) < length(received):
                received += client.recv(65536)
            assert len(json.loads(received.partition(b"\r\n\r\n")[2])["rewards"]) == len(
                completions
            )


def length(answer):
    return int(answer.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])


def test_connections_can_be_kept_and_requests_pipelined(server):
    body = json.dumps(request_for(RIGHT)).encode()
    request = b"POST /get_reward HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with connect(server) as client:
        client.sendall(request * 3)
        received = b""
        while received.count(b'"rewards":[1.0]') < 3:
            received += client.recv(65536)


def test_overload_is_answered_at_once_and_the_rest_is_served():
    with model(1.5) as judge, running("--judge", judge, "--max-waiting", "4") as server:

        def ask(i):
            start = time.monotonic()
            body = request_for(f"<think>Moire number {i}.</think><answer>real</answer>")
            status, headers, answer = server.answer(body)
            return status, headers.get("Retry-After"), answer, time.monotonic() - start

        with ThreadPoolExecutor(24) as clients:
            answers = list(clients.map(ask, range(24)))
        refused = [answer for answer in answers if answer[0] == 503]
        served = [answer for answer in answers if answer[0] == 200]
        assert len(served) == 4 and len(refused) == 20
        assert all(retry == "1" and took < 1 for _, retry, _, took in refused)
        assert all(answer["field"] == "server" for _, _, answer, _ in refused)
        # The model said real, so the reasoning agrees.
        assert all(
            answer["extra_logs"]["fas_reasoning_consistency"] == [1] for *_, answer, _ in served
        )


def test_a_slow_judge_holds_nothing_else_up():
    """More completions wait for the model than it has threads; others need no judge."""
    with model(3) as judge, running("--judge", judge, "--judge-timeout", "1") as server:
        waiting = ThreadPoolExecutor(80)
        bodies = [
            request_for(
                f"<think>Moire, so a replay, {i}.</think><answer>spoof</answer>", label="spoof"
            )
            for i in range(80)
        ]
        began = time.monotonic()
        answers = [waiting.submit(server.post, body) for body in bodies]
        time.sleep(0.3)
        for _ in range(20):
            start = time.monotonic()
            assert server.post(request_for("<answer>real</answer>"))[1]["scores"] == [1.0]
            assert server.get("/healthz") == {"status": "ok"}
            assert time.monotonic() - start < 0.5
        # The local judge, which knows a replay, answers for the model in time.
        assert all(answer.result()[1]["rewards"] == [1.0] for answer in answers)
        assert time.monotonic() - began < 3
        waiting.shutdown()
        assert server.metric("fas_judge_time_outs_total") == 80
        # After so many the model is left alone for a while.
        start = time.monotonic()
        assert server.post(bodies[0])[1]["rewards"] == [1.0]
        assert time.monotonic() - start < 0.5


def test_a_dead_judge_is_counted(server):
    with running("--judge", "http://127.0.0.1:9/v1#m") as lonely:
        assert lonely.get("/version")["judge"] == "remote"
        assert lonely.post(request_for(WRONG)) == server.post(request_for(WRONG))
        assert lonely.metric("fas_judge_failures_total") == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["query", "prompts", "labels", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)
texts = st.lists(st.text(max_size=30), max_size=3)
labels = st.lists(st.sampled_from(["real", "spoof", "spoof:print", "live", ""]), max_size=3)
nearly = st.fixed_dictionaries({"query": texts, "prompts": texts, "labels": labels})


@given(st.one_of(st.binary(max_size=200), json_values, nearly))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_hostile_bodies_never_break_it(server, contract, body):
    status, answer = server.post(body)
    assert status in (200, 400, 422)
    contract("get_reward.response" if status == 200 else "error.response").validate(answer)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--workers", "0"), ("--port", "70000"), ("--max-batch", "-1"), ("--read-seconds", "nan")],
)
def test_settings_out_of_range_are_named(option, value, capsys):
    from fas_plugin.cli import main

    assert main(["serve", option, value]) == 1
    assert f"{option} {value}" in capsys.readouterr().err
