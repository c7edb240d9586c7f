"""Ray Serve with a Ray of its own, and OpenRLHF's executor as the client."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from serving import RIGHT, request_for
from test_app import openrlhf_reward

ROOT = Path(__file__).parents[3]
CLUSTER = Path(sys.prefix) / "cluster"
SCRIPT = """
import sys, ray
from ray import serve
from fas_plugin.rewards.frameworks.ray_serve import build

folder, port = sys.argv[1:]
ray.init(num_cpus=2, include_dashboard=False, _temp_dir=folder, log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(port)})
serve.run(build({"preset": "paper", "replicas": "1"}))
print("serving", flush=True)
sys.stdin.read()
serve.shutdown()
ray.shutdown()
"""


@pytest.mark.skipif(not CLUSTER.is_dir(), reason="bash recipes/setup.sh test makes .venv/cluster")
def test_rewards_on_ray_serve(tmp_path_factory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("r")
    # The protobuf of recipes/constraints/cluster.txt comes first, for Ray's processes too.
    paths = [str(CLUSTER), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    environment.pop("RAY_ADDRESS", None)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        while (line := process.stdout.readline()) != "serving\n":
            assert line, process.stderr.read()[-4000:]
        url = f"http://127.0.0.1:{port}"
        body = json.dumps(request_for(RIGHT, "nonsense")).encode()
        with urllib.request.urlopen(f"{url}/get_reward", body, timeout=30) as answer:
            assert json.load(answer)["rewards"] == [1.0, 0.0]
        with urllib.request.urlopen(f"{url}/version", timeout=30) as answer:
            assert json.load(answer)["preset"] == "paper"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/get_reward", b'{"query": 1}', timeout=30)
        assert refused.value.code == 422 and "prompts" in json.load(refused.value)["error"]
        assert openrlhf_reward(f"{url}/get_reward", "real")["reward"] == [1.0]
    finally:
        process.communicate(timeout=60)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "none"}, "unknown preset 'none'"),
        ({"replicas": "0"}, "replicas=0"),
        ({"workers": "2"}, "unknown argument 'workers'"),
    ],
)
def test_mistakes_are_told_before_anything_is_deployed(arguments, message):
    from fas_plugin.rewards.frameworks.ray_serve import build

    with pytest.raises(ValueError, match=message):
        build(arguments)
