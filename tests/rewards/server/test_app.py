"""The reward server over real sockets, and OpenRLHF's own executor as its client."""

import asyncio
import json
import socket
import urllib.error
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import RIGHT, WRONG, request_for, running

from fas_plugin.rewards import load_preset, score
from fas_plugin.rewards.server.together import Together


def test_single_and_batched_requests_get_the_same_rewards(server, contract):
    status, one = server.post(request_for(RIGHT))
    assert status == 200 and one["rewards"] == [1.0] and one["scores"] == [1.0]
    status, two = server.post(request_for(RIGHT, "nonsense"))
    assert status == 200 and two["rewards"] == [1.0, 0.0]
    assert set(one["extra_logs"]) == set(two["extra_logs"])
    assert all(len(values) == 2 for values in two["extra_logs"].values())
    contract("get_reward.response").validate(two)


def test_a_large_batch_is_scored_in_order(server):
    completions = [RIGHT, WRONG, "nonsense"] * 300
    status, answer = server.post(request_for(*completions))
    assert status == 200 and answer["rewards"] == pytest.approx([1.0, 0.1, 0.0] * 300)


def test_v1_score_gives_components_stance_and_evidence(server, contract):
    body = {"completions": [RIGHT, "nonsense"], "labels": ["real", "spoof:print.flat"]}
    status, answer = server.post(body, "/v1/score")
    assert status == 200 and answer["preset"] == load_preset("default").id
    contract("score.response").validate(answer)
    first, second = answer["results"]
    expected = score(RIGHT, "real", load_preset("default")).as_dict()
    assert {name: first[name] for name in expected} == expected
    assert first["stance_confidence"] > 0.5
    [pores] = [item for item in first["evidence"] if "pores" in item["text"]]
    assert pores["class"] == "real" and RIGHT[7:][pores["start"] : pores["end"]] == pores["text"]
    assert second["stance"] is None and second["evidence"] == []


def test_operators_can_ask(server, contract):
    assert server.get("/healthz") == {"status": "ok"}
    version = server.get("/version")
    contract("version.response").validate(version)
    assert version["preset"] == "default" and version["judge"] == "local"
    assert set(server.get("/openapi.json")["paths"]) >= {"/get_reward", "/v1/score", "/metrics"}
    assert server.get("/schema")["score.request"]["required"] == ["completions", "labels"]


def test_metrics_count_what_happened():
    with running("--workers", "2") as server:
        server.post(request_for(RIGHT, WRONG, "nonsense"))
        server.post(b"{")
        page = server.get("/metrics")
        assert {family.name for family in text_string_to_metric_families(page)} >= {
            *("fas_requests", "fas_request_seconds", "fas_completions", "fas_reward"),
            *("fas_parse_failures", "fas_judge_time_outs"),
        }
        assert server.metric("fas_completions_total") == 3
        assert server.metric('fas_requests_total{endpoint="/get_reward",status="200"}') == 1
        assert server.metric('fas_requests_total{endpoint="/get_reward",status="400"}') == 1
        assert server.metric('fas_reward_sum{component="total"}') == pytest.approx(1.1)
        assert server.metric('fas_parse_failures_total{fault="no_think"}') == 1
        # Every request so far has been timed, readiness and this page's own included.
        assert server.metric('fas_request_seconds_bucket{le="+Inf"}') >= 4


BAD = [
    (b"\xff\xfe not json", 400, "body", "JSON"),
    (b"", 400, "body", "JSON"),
    (b"[" * 100_000, 400, "body", "JSON"),
    ([], 422, "body", "expected object, got array"),
    ({"query": ["a"], "prompts": ["a"]}, 422, "labels", "missing"),
    ({"query": "a", "prompts": ["a"], "labels": ["real"]}, 422, "query", "expected array"),
    ({"query": [1], "prompts": ["a"], "labels": ["real"]}, 422, "query/0", "expected string"),
    ({"query": ["a", "b"], "prompts": ["a"], "labels": ["real"]}, 422, "prompts", "unequal"),
    ({"query": ["a"], "prompts": ["a"], "labels": ["live"]}, 422, "labels/0", "'real', 'spoof'"),
    (
        {"query": ["a"] * 2, "prompts": [""] * 2, "labels": ["real", "live"]},
        422,
        "labels/1",
        "live",
    ),
    ({"query": ["a"] * 2, "prompts": [""] * 2, "labels": ["real", None]}, 422, "labels/1", "null"),
    ({"query": ["a"], "prompts": [""], "labels": ["spoof:tv"]}, 422, "labels/0", "instrument 'tv'"),
    ({"query": ["a"], "prompts": [""], "labels": ["x" * 61]}, 422, "labels/0", "60 characters"),
    ({"query": ["a" * 1_000_001], "prompts": [""], "labels": ["real"]}, 422, "query/0", "1000000"),
    (
        {"query": ["a"] * 1025, "prompts": ["a"] * 1025, "labels": ["real"] * 1025},
        *(422, "query", "1024"),
    ),
    (b'{"\\ud800": 1}', 422, "body", "Unicode"),
]


@pytest.mark.parametrize(("body", "status", "field", "expected"), BAD)
def test_bad_requests_get_one_line_that_names_the_fault(
    server, contract, body, status, field, expected
):
    code, answer = server.post(body)
    assert code == status
    contract("error.response").validate(answer)
    assert answer["field"] == field and answer["error"].startswith(f"{field}: ")
    assert expected in answer["error"] and "\n" not in answer["error"]
    assert len(answer["error"]) < 500


def test_an_unknown_label_in_a_large_batch_is_found_before_any_is_scored(server):
    before = server.metric("fas_completions_total")
    body = request_for(*[RIGHT] * 200)
    body["labels"][150] = "live"
    assert server.post(body)[1]["field"] == "labels/150"
    assert server.metric("fas_completions_total") == before


def test_v1_score_names_its_own_fields(server):
    bad = {"completions": ["a"], "labels": ["real"], "path": "/etc/passwd"}
    assert server.post(bad, "/v1/score") == (422, {"error": "path: unknown field", "field": "path"})
    assert server.post({"completions": [None], "labels": ["real"]}, "/v1/score")[1]["field"] == (
        "completions/0"
    )


def test_unknown_paths_and_methods(server):
    assert server.post({}, "/elsewhere")[0] == 404
    assert server.post({}, "/../../etc/passwd")[0] == 404
    status, headers, answer = server.answer(b"", "/healthz")
    assert (status, headers["allow"], answer["field"]) == (405, "GET", "method")
    with pytest.raises(urllib.error.HTTPError) as error:
        server.get("/get_reward")
    assert error.value.code == 405


def test_text_that_is_no_unicode_is_scored(server):
    assert server.post(b'{"query": ["\\ud800"], "prompts": [""], "labels": ["real"]}')[0] == 200


def test_the_token_is_asked_for_and_never_shown():
    with running(FAS_REWARD_TOKEN="s3cr3t-t0ken") as server:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic !"}):
            status, answer = server.post(request_for(RIGHT), **headers)
            assert status == 401 and answer["field"] == "authorization"
            assert "s3cr3t" not in json.dumps(answer)
        with pytest.raises(urllib.error.HTTPError):
            server.get("/metrics")
        assert server.get("/healthz") == {"status": "ok"}  # probes need none
        assert server.post(request_for(RIGHT), Authorization="Bearer s3cr3t-t0ken")[0] == 200
        # OpenRLHF's client can only be given a URL.
        url = server.url.replace("http://", "http://fas:s3cr3t-t0ken@") + "/get_reward"
        assert openrlhf_reward(url, "real")["reward"] == [1.0]
        assert "s3cr3t" not in server.log()


def test_logs_hold_no_completion_unless_asked():
    with running("--log-format", "json") as server:
        server.post(request_for(RIGHT))
        server.post({"query": [RIGHT], "prompts": [None], "labels": ["real"]})
        rows = [json.loads(line) for line in server.log().splitlines()]
        assert any("1 requests refused" in row["message"] for row in rows)
        assert "pores" not in server.log()
    with running("--log-completions") as server:
        server.post(request_for(RIGHT))
        assert "Natural pores" in server.log()


def openrlhf_reward(url, label, completion=RIGHT):
    """What OpenRLHF's own single-turn executor gets, with only the engine's text given."""
    from openrlhf.utils.agent import SingleTurnAgentExecutor

    return run_executor(SingleTurnAgentExecutor(url.split(",")), label, completion)


def run_executor(executor, label, completion=RIGHT):
    class Tokenizer:
        def __call__(self, text, **_):
            import torch

            return {"input_ids": torch.tensor([list(text.encode())])}

        def decode(self, tokens, **_):
            return bytes(tokens).decode()

    class Engine:
        async def generate(self, *_, **__):
            output = SimpleNamespace(
                token_ids=list(completion.encode()),
                finish_reason="stop",
                logprobs=None,
                text=completion,
            )
            return SimpleNamespace(outputs=[output])

    sampling = SimpleNamespace(max_tokens=200, logprobs=None)
    prompt = "user: real?\nassistant: "
    return asyncio.run(executor.execute(prompt, label, sampling, 1000, Tokenizer(), Engine()))


def test_openrlhf_executor_gets_its_reward_from_the_server(server):
    for label, reward in (("real", 1.0), ("spoof:print.flat", 0.1)):
        answer = openrlhf_reward(f"{server.url}/get_reward", label)
        assert answer["reward"] == [pytest.approx(reward)]
        assert answer["scores"] == [float(label == "real")]
        assert answer["extra_logs"]["fas_format"] == [1.0]


def test_openrlhf_spreads_over_several_servers(server):
    with running() as second:
        before = server.metric("fas_completions_total")
        from openrlhf.utils.agent import SingleTurnAgentExecutor

        executor = SingleTurnAgentExecutor([f"{s.url}/get_reward" for s in (server, second)])
        for _ in range(6):
            assert run_executor(executor, "real")["reward"] == [1.0]
        assert second.metric("fas_completions_total") == 3
        assert server.metric("fas_completions_total") == before + 3


def test_a_client_that_does_not_wait_for_answers_gets_them_in_the_order_of_its_requests(server):
    def post(text):
        body = json.dumps(request_for(text)).encode()
        head = f"POST /get_reward HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    health = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(post(RIGHT) + post(WRONG) + health + post(RIGHT) + last)
        answers = b"".join(iter(lambda: client.recv(65536), b"")).split(b"HTTP/1.1 200 OK")[1:]
    bodies = [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in answers]
    assert [body.get("scores") for body in bodies] == [[1.0], [0.0], None, [1.0], None]
    assert bodies[2] == {"status": "ok"}


def test_requests_that_arrive_together_get_their_own_rewards():
    async def ask():
        together = Together(load_preset("default"))
        texts = [[RIGHT], [WRONG, RIGHT], [], [WRONG] * 3]
        asked = (together.score(batch, ["real"] * len(batch)) for batch in texts)
        return [[r.class_consistency for r in answer] for answer in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [[1.0], [0.0, 1.0], [], [0.0] * 3]
