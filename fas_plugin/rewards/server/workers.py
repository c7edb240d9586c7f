"""Processes: one that only watches, and the workers that it forks.

All workers accept from one listening socket that the watching process holds, so connections that
wait to be accepted survive the death of any worker (with a socket each, SO_REUSEPORT, they would die
with it). Forked from a process that has imported everything, a replacement serves after milliseconds.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import os
import re
import signal
import socket
import time
from pathlib import Path

import uvicorn
import uvloop

from fas_plugin import __version__
from fas_plugin.rewards.combine import Preset
from fas_plugin.rewards.judges import LOCAL
from fas_plugin.rewards.server import logs
from fas_plugin.rewards.server.app import RewardApp, read_preset
from fas_plugin.rewards.server.options import TOKEN_VARIABLE, Options
from fas_plugin.rewards.server.protocol import LimitedProtocol, end_late
from fas_plugin.rewards.server.tally import Tally

logger = logging.getLogger(__name__)

#: Connections that may wait to be accepted.
_BACKLOG = 4096
#: A worker whose event loop has not turned for so many seconds is killed and replaced.
_HUNG = 30.0
#: Seconds between replacements of a worker that dies as soon as it starts: 0, then ever longer.
_PAUSES = (0.0, 0.1, 0.2, 0.4, 0.8)
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


def run_server(options: Options) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in flight.

    Raises:
        OSError: the address is in use, or the record cannot be written.
        ValueError: unknown or malformed preset or judge.
    """
    logs.set_up(options.log_format)
    preset = read_preset(options)
    if options.record:
        options.record.mkdir(parents=True, exist_ok=True)  # fails here rather than in a worker
    listener = _listen(options)
    try:
        _announce(options, preset, listener)
        _Watch(options, preset, listener).run()
    finally:
        listener.close()
        if options.unix:
            options.unix.unlink(missing_ok=True)


def _announce(options: Options, preset: Preset, listener: socket.socket) -> None:
    if options.unix:
        where = f"unix:{options.unix}"
    else:
        host = f"[{options.host}]" if ":" in options.host else options.host
        where = f"http://{host}:{listener.getsockname()[1]}"
    token = "set" if os.environ.get(TOKEN_VARIABLE) else "none"
    logger.info("reward server %s on %s/get_reward", __version__, where)
    logger.info(
        "preset %s %s, judge %s, %d workers, record %s, token %s; limits: body %d bytes, batch %d, "
        "text %d characters, %d in hand, header %g s, request %g s, drain %g s",
        preset.id,
        dict(preset.weights),
        "local" if preset.judge is LOCAL else _without_secrets(options.judge or "as in the preset"),
        options.workers,
        f"{options.record}{' with texts' if options.record_text else ''}"
        if options.record
        else "none",
        token,
        options.max_body,
        options.max_batch,
        options.max_text,
        options.max_waiting,
        options.header_seconds,
        options.read_seconds,
        options.drain_seconds,
    )
    if not options.unix and token == "none" and not _is_loopback(options.host):
        logger.warning(
            "%s can be reached from other machines and asks for no token; set %s",
            options.host,
            TOKEN_VARIABLE,
        )


def _without_secrets(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _listen(options: Options) -> socket.socket:
    if options.unix:
        return _listen_unix(options.unix)
    host, port = options.host, options.port
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    # Lets a restarted server have its port back at once; a second live server is still refused.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(
            f"cannot listen on {host}:{port} ({error.strerror or error}); stop what uses the port, "
            "or choose another (port 0 takes a free one)"
        ) from None
    return listener


def _listen_unix(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        if path.is_socket():
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(path)) == 0:
                    raise OSError("a server listens there already")
            path.unlink()  # left by one that was killed
        listener.bind(str(path))
        os.chmod(path, 0o600)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(
            f"cannot listen on {path} ({error.strerror or error}); stop what uses it, or choose "
            "another path"
        ) from None
    return listener


class _Watch:
    """Forks the workers, replaces those that die, and passes the signal to stop on to them."""

    def __init__(self, options: Options, preset: Preset, listener: socket.socket) -> None:
        self._options, self._preset, self._listener = options, preset, listener
        self._tally = Tally(options.workers)
        self._alive, self._holder = os.pipe()  # at its end of file the watching process is gone
        self._workers: dict[int, int] = {}  # process id -> row of the tally
        self._started: dict[int, float] = {}  # row -> when its worker was forked
        self._deaths: dict[int, int] = dict.fromkeys(range(options.workers), 0)
        self._due: dict[int, float] = dict.fromkeys(range(options.workers), 0.0)

    def run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        gc.collect()
        gc.freeze()  # memory that is not touched stays shared
        while True:
            now = time.monotonic()
            for row in [row for row, at in self._due.items() if at <= now]:
                del self._due[row]
                self._fork(row)
            pause = min([1.0, *(at - now for at in self._due.values())])
            caught = signal.sigtimedwait(_SIGNALS, max(0.01, pause))
            if caught and caught.si_signo != signal.SIGCHLD:
                break
            self._reap()
            self._end_hung()
        self._stop()

    def _fork(self, row: int) -> None:
        self._started[row] = time.monotonic()
        self._tally.use(row)
        self._tally.beat()
        process = os.fork()
        if process:
            self._workers[process] = row
            return
        status = 1
        try:
            os.close(self._holder)
            _serve(self._options, self._preset, self._listener, self._tally, self._alive)
            status = 0
        except BaseException:
            logger.exception("a worker failed")
        finally:
            logging.shutdown()
            os._exit(status)

    def _reap(self) -> None:
        for process in list(self._workers):
            ended, status = os.waitpid(process, os.WNOHANG)
            if not ended:
                continue
            row = self._workers.pop(process)
            lived = time.monotonic() - self._started[row]
            self._deaths[row] = self._deaths[row] + 1 if lived < 1 else 0
            pause = _PAUSES[min(self._deaths[row], len(_PAUSES) - 1)]
            self._due[row] = time.monotonic() + pause
            how = os.waitstatus_to_exitcode(status)
            logger.error(
                "worker %d died (%s) after %.0f s; replaced in %.1f s",
                process,
                signal.Signals(-how).name if how < 0 else f"exit status {how}",
                lived,
                pause,
            )

    def _end_hung(self) -> None:
        for process, row in self._workers.items():
            if time.monotonic() - self._tally.last_beat(row) > _HUNG:
                logger.error("worker %d has not answered for %g s; killing it", process, _HUNG)
                os.kill(process, signal.SIGKILL)

    def _stop(self) -> None:
        logger.info("stopping: requests in flight get %g s", self._options.drain_seconds)
        for process in self._workers:
            os.kill(process, signal.SIGTERM)
        deadline = time.monotonic() + self._options.drain_seconds + 5
        while self._workers:
            for process in list(self._workers):
                if os.waitpid(process, os.WNOHANG)[0]:
                    del self._workers[process]
                elif time.monotonic() > deadline:
                    os.kill(process, signal.SIGKILL)
            signal.sigtimedwait((signal.SIGCHLD,), 0.05)
        logger.info("stopped")


def _serve(
    options: Options, preset: Preset, listener: socket.socket, tally: Tally, alive: int
) -> None:
    """A worker: uvicorn on the shared socket until SIGTERM, or until nobody watches any more."""
    tally.event("worker_starts")
    config = uvicorn.Config(
        RewardApp(options, preset, tally),
        http=functools.partial(LimitedProtocol, options=options),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(options.drain_seconds)),
    )
    server = uvicorn.Server(config)

    def stop_early(*_: object) -> None:
        server.should_exit = True

    # Before uvicorn has handlers of its own; and after, when it raises again what stopped it.
    for stopping in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stopping, stop_early)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    async def serve() -> None:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            loop.remove_reader(alive)
            server.should_exit = True

        loop.add_reader(alive, stop)
        often = min(0.5, options.header_seconds / 4)
        tasks = [
            loop.create_task(_beat(tally)),
            loop.create_task(end_late(server.server_state.connections, often)),
        ]
        await server.serve([listener])
        for task in tasks:
            task.cancel()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


async def _beat(tally: Tally) -> None:
    while True:
        tally.beat()
        await asyncio.sleep(1)
