"""Hostile requests to a reward server: every answer is a 200, or a 4xx that names the field.

python benchmarks/server_fuzz.py                    # 10,000 bodies and 1,000 broken heads
python benchmarks/server_fuzz.py --count 1000 --seed 7
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import socket
import sys
from collections import Counter

from server_soak import Server

RIGHT = "<think>Natural pores; this is a live face.</think><answer>real</answer>"
VALID = {"query": ["p" + RIGHT], "prompts": ["p"], "labels": ["real"]}
VALUES = [
    *(None, True, -1, 1e308, 10**400, "", "real", "spoof:tv", [], {}, [[]], {"a": {}}, RIGHT),
    *(
        "\x00",
        "\u202e",
        "\ud800",
        "<think>" * 5000,
        "a" * 70_000,
        "../../etc/passwd",
        ["real"] * 1500,
    ),
    *({"__class__": "os.system"}, "${jndi:ldap://x}", "' OR 1=1 --", [None] * 3, ["\ud83d"]),
]
RAW = [
    *(b"", b"{", b"[" * 50_000, b"\xff\xfe", b"nul", b'{"query":', b"\x00" * 1000, b'"\\ud800"'),
    *(
        b'{"query": ["a"], "query": 1}',
        b'{"a": NaN}',
        b"1e999",
        b"-",
        b'{"\\u0000": 1}',
        b"\xef\xbb\xbf{}",
    ),
    b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",  # a pickle
    b'{"query": ["' + b"\\u" * 100 + b'"]}',
    b"{" + b'"a":{' * 5_000 + b"}" * 5_001,
]
HEADS = [
    b"GET\r\n\r\n",
    b"POST /get_reward HTTP/9.9\r\n\r\n",
    b"POST /get_reward HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /get_reward HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /get_reward HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /get_reward HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /get_reward HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    b"GET /%ff%00..%2f..%2fetc/passwd HTTP/1.1\r\n\r\n",
    b"GET /caf\xc3\xa9 HTTP/1.1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n\r\n",
    b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n" + b"a: b\r\n" * 9_000 + b"\r\n",
]


def body(chance: random.Random) -> bytes:
    kind = chance.randrange(4)
    if kind == 0:
        return chance.choice(RAW)
    request = {name: list(values) for name, values in VALID.items()}
    for _ in range(chance.randrange(1, 4)):
        field = chance.choice([*VALID, "extra", "\ud800"])
        value = chance.choice(VALUES)
        request[field] = [value] * chance.randrange(3) if chance.random() < 0.7 else value
        if chance.random() < 0.1:
            del request[field]
    content = json.dumps(request).encode()
    if kind == 1:
        at = chance.randrange(len(content))
        content = content[:at] + chance.randbytes(chance.randrange(4)) + content[at + 1 :]
    return content


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    server = Server(1)
    host, port = server.url.split("/")[2].split(":")
    workers = server.workers()
    seen: Counter = Counter()
    bad = []
    try:
        for _ in range(options.count):
            connection = http.client.HTTPConnection(host, int(port), timeout=30)
            sent = body(chance)
            path = chance.choice(["/get_reward", "/v1/score"])
            connection.request("POST", path, sent, {"Connection": "close"})
            answer = connection.getresponse()
            told = json.loads(answer.read())
            connection.close()
            seen[answer.status] += 1
            named = answer.status == 200 or (told["field"] and "\n" not in told["error"])
            if answer.status not in (200, 400, 413, 422) or not named:
                bad.append((answer.status, told, sent[:200]))
        for _ in range(options.count // 10):
            with socket.create_connection((host, int(port)), timeout=30) as raw:
                sent = chance.choice(HEADS)
                raw.sendall(sent + chance.randbytes(chance.randrange(3)))
                raw.shutdown(socket.SHUT_WR)
                received = raw.recv(65536)
                status = received.split(b" ")[1] if received else b"closed"
                seen[f"head {status.decode()}"] += 1
                if status.startswith(b"5"):
                    bad.append((status, received[:200], sent[:200]))
        crashed = [worker.pid for worker in workers] != [worker.pid for worker in server.workers()]
    finally:
        server.stop()
    print(f"{options.count:,} bodies, {options.count // 10:,} heads: {dict(seen)}")
    print("workers died" if crashed else "no worker died", *bad[:5], sep="\n")
    return int(crashed or bool(bad))


if __name__ == "__main__":
    sys.exit(main())
