"""Numbers for Prometheus, kept in memory that all workers share.

Each worker adds to a row of its own, which costs next to nothing; whichever worker is asked for
``/metrics`` sums the rows. The row outlives its worker: a replacement goes on counting where the
dead one stopped, so counters never go back.
"""

from __future__ import annotations

import mmap
import time
from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from fas_plugin import __version__
from fas_plugin.rewards.combine import Preset, RewardResult

ENDPOINTS = (
    *("/get_reward", "/v1/score", "/healthz", "/readyz", "/version", "/metrics", "/schema"),
    *("/openapi.json", "other"),
)
STATUSES = (200, 400, 401, 404, 405, 408, 413, 422, 431, 500, 503)
#: Seconds from the head of a request to its answer.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
COMPONENTS = ("total", "format", "class_consistency", "reasoning_consistency")
FAULTS = (
    *("no_think", "empty_think", "unclosed_think", "several_thinks", "no_answer"),
    *("unclosed_answer", "several_answers", "text_before_think", "text_between_blocks"),
    *("text_after_answer", "wrong_order", "unreadable_answer", "other"),
)
_WITHOUT_ANSWER = frozenset(("no_answer", "unclosed_answer", "several_answers"))
EVENTS = ("judge_asked", "judge_time_outs", "judge_failures", "record_failures", "worker_starts")

_REQUESTS = 0
_SECONDS = _REQUESTS + len(ENDPOINTS) * len(STATUSES)  # a count per bucket, one above all, the sum
_COMPLETIONS = _SECONDS + len(BUCKETS) + 2
_COMPONENTS = _COMPLETIONS + 1
_FAULTS = _COMPONENTS + len(COMPONENTS)
_EVENTS = _FAULTS + len(FAULTS)
_WAITING = _EVENTS + len(EVENTS)
_HEARTBEAT = _WAITING + 1
_ROW = _HEARTBEAT + 1

_REQUEST_AT = {
    (endpoint, status): _REQUESTS + i * len(STATUSES) + j
    for i, endpoint in enumerate(ENDPOINTS)
    for j, status in enumerate(STATUSES)
}
_FAULT_AT = {name: _FAULTS + i for i, name in enumerate(FAULTS)}
_EVENT_AT = {name: _EVENTS + i for i, name in enumerate(EVENTS)}


class Tally:
    """The numbers of ``workers`` processes; :meth:`use` says which one this is."""

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers
        self._memory = mmap.mmap(-1, 8 * _ROW * workers)  # shared with what is forked later
        self._all = memoryview(self._memory).cast("d")
        self.use(0)

    def use(self, worker: int) -> None:
        self._row = self._all[worker * _ROW : (worker + 1) * _ROW]

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        row = self._row
        row[_REQUEST_AT[endpoint, status]] += 1
        row[_SECONDS + bisect_left(BUCKETS, seconds)] += 1
        row[_SECONDS + len(BUCKETS) + 1] += seconds

    def scored(self, results: list[RewardResult]) -> None:
        row = self._row
        row[_COMPLETIONS] += len(results)
        for result in results:
            row[_COMPONENTS] += result.total
            row[_COMPONENTS + 1] += result.format
            row[_COMPONENTS + 2] += result.class_consistency
            row[_COMPONENTS + 3] += result.reasoning_consistency
            for fault in result.faults:
                row[_FAULT_AT.get(fault, _FAULT_AT["other"])] += 1
            if result.answer is None and not _WITHOUT_ANSWER.intersection(result.faults):
                row[_FAULT_AT["unreadable_answer"]] += 1

    def event(self, name: str, count: int = 1) -> None:
        self._row[_EVENT_AT[name]] += count

    def waiting(self, requests: int) -> None:
        self._row[_WAITING] = requests

    def beat(self) -> None:
        """This worker's event loop is alive."""
        self._row[_HEARTBEAT] = time.monotonic()

    def last_beat(self, worker: int) -> float:
        """When, on the monotonic clock."""
        return self._all[worker * _ROW + _HEARTBEAT]

    def totals(self) -> list[float]:
        return [sum(self._all[at::_ROW]) for at in range(_ROW)]


class _Exposition(Collector):
    def __init__(self, tally: Tally, preset: Preset) -> None:
        self._tally, self._preset = tally, preset

    def collect(self) -> Iterator[Metric]:
        totals = self._tally.totals()
        requests = CounterMetricFamily(
            "fas_requests", "Requests answered", labels=["endpoint", "status"]
        )
        for (endpoint, status), at in _REQUEST_AT.items():
            if totals[at]:
                requests.add_metric([endpoint, str(status)], totals[at])
        yield requests
        buckets, count = [], 0.0
        for bound, at in zip(
            [*map(str, BUCKETS), "+Inf"], range(_SECONDS, _COMPLETIONS), strict=False
        ):
            count += totals[at]
            buckets.append((bound, count))
        seconds = HistogramMetricFamily(
            "fas_request_seconds", "From a request's head to its answer"
        )
        seconds.add_metric([], buckets, totals[_SECONDS + len(BUCKETS) + 1])
        yield seconds
        yield CounterMetricFamily(
            "fas_completions", "Completions scored", value=totals[_COMPLETIONS]
        )
        components = SummaryMetricFamily(
            "fas_reward", "Rewards of completions", labels=["component"]
        )
        for i, name in enumerate(COMPONENTS):
            components.add_metric([name], int(totals[_COMPLETIONS]), totals[_COMPONENTS + i])
        yield components
        faults = CounterMetricFamily(
            "fas_parse_failures", "What is wrong with completions", labels=["fault"]
        )
        for name, at in _FAULT_AT.items():
            faults.add_metric([name], totals[at])
        yield faults
        for name, at in _EVENT_AT.items():
            yield CounterMetricFamily(f"fas_{name}", name.replace("_", " "), value=totals[at])
        yield GaugeMetricFamily(
            "fas_requests_in_hand", "Read and not answered yet", value=totals[_WAITING]
        )
        yield GaugeMetricFamily("fas_workers", "Worker processes", value=self._tally.workers)
        info = GaugeMetricFamily(
            "fas_build_info", "What runs here", labels=["version", "preset", "preset_version"]
        )
        info.add_metric([__version__, self._preset.name, str(self._preset.version)], 1)
        yield info


def exposition(tally: Tally, preset: Preset) -> bytes:
    """The numbers in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Exposition(tally, preset))
    return generate_latest(registry)
