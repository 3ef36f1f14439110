"""The engine's metrics under the names, labels and buckets of vLLM v1.

Names and buckets are those of vllm/v1/metrics/loggers.py, which names counters without the `_total` that Prometheus
adds; `berth_engine_simulated` is ours.
"""

from collections.abc import Callable
from dataclasses import dataclass

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from nomad_jobs.apps.engine.profiles import SOURCE, Speed

# fmt: off
_TTFT_S = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
)
_TOKEN_S = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    20.0, 40.0, 80.0,
)
_REQUEST_S = (
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0,
    120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0,
)
# fmt: on
_TOKENS = tuple(mantissa * 10**power for power in range(6) for mantissa in (1, 2, 5))
_LABELS = ("model_name", "engine")
_ENGINE = "0"


@dataclass(slots=True)
class Timeline:
    """When a request passed each point, in seconds of the monotonic clock (None: never), and how it ended."""

    arrived: float
    started: float | None = None
    first_token: float | None = None
    last_token: float | None = None
    generated: int = 0
    reason: str = "abort"

    @property
    def ttft_ms(self) -> float | None:
        """Milliseconds from arrival to the first token."""
        return None if self.first_token is None else round((self.first_token - self.arrived) * 1000, 1)


class Metrics:
    """The metrics of `/metrics`; each observation is one call."""

    def __init__(self, speed: Speed, served: str) -> None:
        self._registry = CollectorRegistry()
        self._labels = {"model_name": served, "engine": _ENGINE}
        self._prompt_tokens = self._counter("prompt_tokens", "Number of prefill tokens processed.")
        self._generation_tokens = self._counter("generation_tokens", "Number of generation tokens processed.")
        self._success = Counter(
            "vllm:request_success",
            "Count of successfully processed requests.",
            (*_LABELS, "finished_reason"),
            registry=self._registry,
        )
        for reason in ("stop", "length", "abort"):
            self._success.labels(**self._labels, finished_reason=reason)
        self._make_histograms()
        self._mark(speed)

    def _make_histograms(self) -> None:
        self._ttft = self._histogram("time_to_first_token_seconds", "Time to first token.", _TTFT_S)
        self._itl = self._histogram("inter_token_latency_seconds", "Time between two output tokens.", _TOKEN_S)
        self._tpot = self._histogram(
            "request_time_per_output_token_seconds",
            "Time per output token after the first, per request.",
            _TOKEN_S,
        )
        self._e2e = self._histogram("e2e_request_latency_seconds", "From arrival to the last token.", _REQUEST_S)
        self._queue = self._histogram("request_queue_time_seconds", "Time spent WAITING.", _REQUEST_S)
        self._inference = self._histogram("request_inference_time_seconds", "Time spent RUNNING.", _REQUEST_S)
        self._prefill = self._histogram("request_prefill_time_seconds", "Time spent in PREFILL.", _REQUEST_S)
        self._decode = self._histogram("request_decode_time_seconds", "Time spent in DECODE.", _REQUEST_S)
        self._prompt_len = self._histogram("request_prompt_tokens", "Prefill tokens per request.", _TOKENS)
        self._output_len = self._histogram("request_generation_tokens", "Generation tokens per request.", _TOKENS)

    def _mark(self, speed: Speed) -> None:
        labels = {**self._labels, "model": speed.model_id, "shape": speed.shape, "source": SOURCE}
        text = "Always 1: this engine simulates, at the speed published in `source`."
        Gauge("berth_engine_simulated", text, labels, registry=self._registry).labels(**labels).set(1)

    def watch(self, *, running: Callable[[], int], waiting: Callable[[], int], kv_cache: Callable[[], float]) -> None:
        """Read the three gauges of the scheduler when they are scraped; `kv_cache` is a share from 0 to 1."""
        self._gauge("num_requests_running", "Number of requests in model execution batches.", running)
        self._gauge("num_requests_waiting", "Number of requests waiting to be processed.", waiting)
        self._gauge("kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", kv_cache)

    def first_token(self, times: Timeline, prompt_tokens: int) -> None:
        """Observe the end of a prefill."""
        self._prompt_tokens.inc(prompt_tokens)
        self._generation_tokens.inc()
        self._ttft.observe((times.first_token or times.arrived) - times.arrived)

    def next_token(self, gap_s: float) -> None:
        """Observe one more token, `gap_s` seconds after the one before."""
        self._generation_tokens.inc()
        self._itl.observe(gap_s)

    def finished(self, times: Timeline, prompt_tokens: int) -> None:
        """Observe a request that ended: by stop, length or abort."""
        self._success.labels(**self._labels, finished_reason=times.reason).inc()
        if times.started is None or times.first_token is None or times.last_token is None:
            return
        self._e2e.observe(times.last_token - times.arrived)
        self._queue.observe(times.started - times.arrived)
        self._prefill.observe(times.first_token - times.started)
        self._decode.observe(times.last_token - times.first_token)
        self._inference.observe(times.last_token - times.started)
        self._prompt_len.observe(prompt_tokens)
        self._output_len.observe(times.generated)
        if times.generated > 1:
            self._tpot.observe((times.last_token - times.first_token) / (times.generated - 1))

    def exposition(self) -> bytes:
        """Render everything in Prometheus' text format."""
        return prometheus_client.generate_latest(self._registry)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"vllm:{name}", text, _LABELS, registry=self._registry).labels(**self._labels)

    def _gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        Gauge(f"vllm:{name}", text, _LABELS, registry=self._registry).labels(**self._labels).set_function(read)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        metric = Histogram(f"vllm:{name}", text, _LABELS, registry=self._registry, buckets=buckets)
        return metric.labels(**self._labels)
