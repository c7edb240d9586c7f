"""Running the same function over many jobs: here, in processes, or on a Ray cluster.

Each engine takes jobs as they come, has few of them under way at a time, and yields results as they
are done.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from typing import Any

logger = logging.getLogger(__name__)

#: Jobs that wait for each worker.
_AHEAD = 4
#: Jobs that Ray Data gets at a time: enough for a cluster, bounded for the driver.
_RAY_WINDOW = 4096

#: Takes the items of a job, returns one result for each.
Work = Callable[[Sequence[Any]], list[Any]]
Jobs = Iterable[Sequence[Any]]


def run_here(work: Work, jobs: Jobs) -> Iterator[list[Any]]:
    """One after the other, in this process."""
    return map(work, jobs)


def run_processes(
    work: Work, jobs: Jobs, workers: int, died: Callable[[Any], Any]
) -> Iterator[list[Any]]:
    """In ``workers`` processes, which end when this one does, however it ends.

    Args:
        died: gives the result of an item that a process dies of (a crash in a library, too little
            memory).
    """
    jobs = iter(jobs)
    pool = _pool(workers)
    running: dict[Future, Sequence[Any]] = {}
    try:
        while True:
            for job in islice(jobs, workers * _AHEAD - len(running)):
                running[pool.submit(work, job)] = job
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    result = future.result()
                except BrokenProcessPool:
                    continue
                running.pop(future)
                yield result
            if any(future in running for future in done):
                pool.shutdown()
                suspects = [item for job in running.values() for item in job]
                running.clear()
                yield from _one_by_one(work, suspects, died)
                pool = _pool(workers)
    finally:
        pool.shutdown(cancel_futures=True)


def _one_by_one(
    work: Work, items: Sequence[Any], died: Callable[[Any], Any]
) -> Iterator[list[Any]]:
    """After a process has died of one of the items: each alone, to find which."""
    logger.warning("a process died; doing %d items one by one to find the cause", len(items))
    for item in items:
        with _pool(1) as pool:
            try:
                yield pool.submit(work, [item]).result()
            except BrokenProcessPool:
                yield [died(item)]


def _pool(workers: int) -> ProcessPoolExecutor:
    # Processes, not threads: decoding and cropping hold the interpreter's lock. Spawned, not forked:
    # the libraries in this process may have threads.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run_ray(work: Work, jobs: Jobs, workers: int) -> Iterator[list[Any]]:
    """Through Ray Data, on the cluster in ``RAY_ADDRESS``, else with ``workers`` CPUs of this machine."""
    import ray

    started = not ray.is_initialized()
    if started:
        address = os.environ.get("RAY_ADDRESS")
        local = {} if address else {"num_cpus": workers, "include_dashboard": False}
        ray.init(address=address, log_to_driver=False, **local)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    try:
        jobs = iter(jobs)
        while window := list(islice(jobs, _RAY_WINDOW)):
            rows = ray.data.from_items(
                [{"job": job} for job in window], override_num_blocks=len(window)
            )
            for row in rows.map(partial(_ray_row, work)).iter_rows():
                yield row["result"]
    finally:
        if started:
            ray.shutdown()


def _ray_row(work: Work, row: dict[str, Any]) -> dict[str, Any]:
    return {"result": work(row["job"])}
