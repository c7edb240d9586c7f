"""Ray Serve: the reward server as replicas on a cluster, behind one address on every node.

    serve run fas_plugin.rewards.frameworks.ray_serve:build preset=default replicas=4

OpenRLHF then takes ``--reward.remote_url http://HEAD:8000/get_reward``. Needs the extra ``cluster``:
Serve in Ray 2.55 does not work with protobuf 7.
"""

from __future__ import annotations

from google.protobuf import __version__ as protobuf
from ray import serve
from starlette.applications import Starlette
from starlette.routing import Mount

from fas_plugin.rewards.server.app import create_app
from fas_plugin.rewards.server.options import Options


def build(arguments: dict[str, str]) -> serve.Application:
    """The application for ``serve run`` and ``serve.run``.

    Args:
        arguments: ``preset`` and ``judge`` as ``fas-plugin serve`` takes them, and ``replicas``, the
            number of processes, 2 by default.

    Raises:
        ValueError: unknown argument, preset or judge, or ``replicas`` is no positive number.
        ImportError: a protobuf that Ray Serve does not work with.
    """
    unknown = set(arguments) - {"preset", "judge", "replicas"}
    if unknown:
        raise ValueError(f"unknown argument {min(unknown)!r}; expected preset, judge or replicas")
    replicas = str(arguments.get("replicas", "2"))
    if not replicas.isdecimal() or int(replicas) < 1:
        raise ValueError(f"replicas={replicas}: expected a number above 0")
    options = Options(
        preset=arguments.get("preset", "default"), judge=arguments.get("judge") or None
    )
    create_app(options)  # a mistake is told here rather than by a replica that does not start
    if int(protobuf.split(".")[0]) >= 7:
        raise ImportError(
            f"Ray Serve needs protobuf < 7, found {protobuf}; pip install 'protobuf<7'"
        )

    def make_app() -> Starlette:
        # Ray sets exception handlers, which only Starlette's applications have.
        return Starlette(routes=[Mount("/", app=create_app(options))])

    rewards = serve.deployment(
        serve.ingress(make_app)(),
        name="fas_rewards",
        num_replicas=int(replicas),
        max_ongoing_requests=options.max_waiting,
        max_queued_requests=4 * options.max_waiting,  # above, Ray answers 503
    )
    return rewards.bind()  # type: ignore[attr-defined]
