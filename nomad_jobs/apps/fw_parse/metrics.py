"""The tally in Prometheus' format."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from nomad_jobs.apps.fw_parse.tally import Tally


class TallyCollector(Collector):
    """Reads the tally at each scrape, so that each number has one place."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        """Yield the two counters."""
        yield CounterMetricFamily("fw_parse_requests", "Logs parsed.", self._tally.requests)
        lines = CounterMetricFamily("fw_parse_lines", "Lines seen, by format; `error`: neither.", labels=["format"])
        for kind, count in self._tally.lines.items():
            lines.add_metric([kind], count)
        yield lines
