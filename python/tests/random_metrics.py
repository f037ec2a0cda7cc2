"""Random metrics, the same in any package, and every way to write them."""

from __future__ import annotations

import math
import random
from importlib import import_module
from typing import Any, Callable, Iterator, Optional

import pyrometer
import pyrometer.openmetrics.exposition
from pyrometer import protobuf

ESCAPINGS = ("underscores", "allow-utf-8", "dots", "values")

NAME_PARTS = ["a", "b_c", "x9", "le", "_", "__", "created", "total", "info", "bucket"]
ODD_NAME_PARTS = ["d.e", "ünï", "1", "f-g", "h i", 'q"u', "b\\s", "n\nl", "日本", ":", "🦀"]
TEXTS = ["", "x", 'quo"te', "back\\slash", "new\nline", "ünï 🦀", "long " * 40, "a,b={}", "\0"]
NUMBERS = [
    *(0.0, -0.0, 1.0, 2.5, -3.25, 999_999.0, 1e6, 1_234_567.25, 2.0**53, 1e16, 1.5e300),
    *(1e-4, 1e-5, 5e-324, math.inf, -math.inf, math.nan),
]
BOUNDS = [-1.5, 0.0, 0.25, 1.0, 2.5, 1e6]


class AsObjects:
    """The same metrics, made into Python objects."""

    def __init__(self, registry: Any) -> None:
        self.registry = registry

    def collect(self) -> Any:
        return self.registry.collect()


class Play:
    """Makes and moves the same random metrics in any package."""

    def __init__(self, seed: int, is_odd: bool, with_native: bool) -> None:
        self.seed, self.is_odd, self.with_native = seed, is_odd, with_native

    def __call__(self, package: Any, registry: Any) -> None:
        self.chance = random.Random(self.seed)
        for number in range(self.chance.randint(6, 12)):
            kind = self.chance.choice(
                ["counter", "gauge", "summary", "histogram", "info", "enum", "custom"]
            )
            name = f"{self.name()}_{number}"
            options: dict[str, Any] = {"registry": registry, "documentation": self.text()}
            if kind == "custom":
                core = import_module(package.__name__ + ".core")
                registry.register(Custom(core, name, self.text(), self.chance.choice(NUMBERS)))
                continue
            names = {self.name() for _ in range(self.chance.randint(0, 3))}
            options["labelnames"] = sorted(
                (label for label in names if not label.startswith("__") and label != "le"),
                reverse=self.chance.random() < 0.5,
            )
            if kind not in ("info", "enum") and self.chance.random() < 0.3:
                options["unit"] = self.chance.choice(["seconds", "bytes", "°"])
            if self.chance.random() < 0.2:
                options["namespace"] = "ns"
            getattr(self, kind)(package, name, options)

    def name(self) -> str:
        parts = NAME_PARTS + ODD_NAME_PARTS if self.is_odd else NAME_PARTS
        return "".join(self.chance.choices(parts, k=self.chance.randint(1, 2)))

    def text(self) -> str:
        return self.chance.choice(TEXTS)

    def exemplar(self) -> Optional[dict[str, str]]:
        if self.chance.random() < 0.5:
            return None
        names = self.chance.sample(["trace", "a", "Z", "ünï", "s p"], k=self.chance.randint(0, 2))
        return {name: self.text()[:50] for name in names}

    def children(self, metric: Any, options: dict[str, Any]) -> Iterator[Any]:
        if not options["labelnames"]:
            yield metric
            return
        # Facts that change stand elsewhere than before, so each child is given once.
        n = self.chance.randint(0, 4)
        for values in sorted({tuple(self.text() for _ in options["labelnames"]) for _ in range(n)}):
            yield metric.labels(*values)

    def counter(self, package: Any, name: str, options: dict[str, Any]) -> None:
        for child in self.children(package.Counter(name, **options), options):
            child.inc(abs(self.chance.choice(NUMBERS)), exemplar=self.exemplar())

    def gauge(self, package: Any, name: str, options: dict[str, Any]) -> None:
        options["multiprocess_mode"] = self.chance.choice(["all", "max", "livesum", "mostrecent"])
        for child in self.children(package.Gauge(name, **options), options):
            child.set(self.chance.choice(NUMBERS))

    def summary(self, package: Any, name: str, options: dict[str, Any]) -> None:
        options["labelnames"] = [label for label in options["labelnames"] if label != "quantile"]
        for child in self.children(package.Summary(name, **options), options):
            for _ in range(self.chance.randint(0, 3)):
                child.observe(self.chance.choice(NUMBERS))

    def histogram(self, package: Any, name: str, options: dict[str, Any]) -> None:
        options["buckets"] = sorted(self.chance.sample(BOUNDS, k=self.chance.randint(1, 4)))
        if self.with_native and self.chance.random() < 0.7:
            options["native_histogram_bucket_factor"] = self.chance.choice([1.1, 2.0, 10.0])
            options["native_histogram_zero_threshold"] = self.chance.choice([0.0, 1e-5, 0.5])
            options["buckets"] = self.chance.choice([options["buckets"], None])
        for child in self.children(package.Histogram(name, **options), options):
            for _ in range(self.chance.randint(0, 6)):
                child.observe(self.chance.choice(NUMBERS), exemplar=self.exemplar())

    def info(self, package: Any, name: str, options: dict[str, Any]) -> None:
        for child in self.children(package.Info(name, **options), options):
            facts = {f"fact{self.name()}": self.text() for _ in range(self.chance.randint(0, 3))}
            child.info(facts)

    def enum(self, package: Any, name: str, options: dict[str, Any]) -> None:
        states = self.chance.sample(TEXTS, k=self.chance.randint(1, 3))
        # The state takes the place of a label that is called as the metric is in full.
        if options.get("namespace") and options["labelnames"]:
            options["labelnames"][0] = f"ns_{name}"
        for child in self.children(package.Enum(name, states=states, **options), options):
            child.state(self.chance.choice(states))


class Custom:
    """A collector whose families only Python can tell."""

    def __init__(self, core: Any, name: str, text: str, number: float) -> None:
        self.core, self.name, self.text, self.number = core, name, text, number

    def collect(self) -> Any:
        core, text, number = self.core, self.text, self.number
        counter = core.CounterMetricFamily(self.name + "_cc", text, labels=["l"])
        exemplar = core.Exemplar({"t": text}, number, core.Timestamp(12, 5))
        counter.add_metric([text], number, created=123.5, timestamp=1.5, exemplar=exemplar)
        yield counter
        buckets = [("0.5", 1, exemplar), ("+Inf", 4)]
        yield core.HistogramMetricFamily(self.name + "_ch", text, buckets=buckets, sum_value=9)
        yield core.GaugeHistogramMetricFamily(
            self.name + "_cg", text, buckets=[("1.0", 2), ("+Inf", 4)], gsum_value=number
        )
        unknown = core.UnknownMetricFamily(self.name + "_cu", text, labels=["l"], unit="u")
        unknown.add_metric([text], number, timestamp=core.Timestamp(12, 345678901))
        yield unknown
        yield core.InfoMetricFamily(self.name + "_ci", text, value={"a": text})
        yield core.StateSetMetricFamily(self.name + "_ce", text, value={"x": True, "a": False})


def formats() -> dict[str, Callable[[Any], bytes]]:
    """Every format with every escaping scheme."""
    openmetrics = pyrometer.openmetrics.exposition.generate_latest
    found: dict[str, Callable[[Any], bytes]] = {}
    for escaping in ESCAPINGS:
        found |= {
            f"text {escaping}": lambda r, e=escaping: pyrometer.generate_latest(r, e),
            f"openmetrics 1 {escaping}": lambda r, e=escaping: openmetrics(r, e, "1.0.0"),
            f"openmetrics 2 {escaping}": lambda r, e=escaping: openmetrics(r, e, "2.0.0"),
            f"protobuf {escaping}": lambda r, e=escaping: protobuf.generate_latest(r, e),
        }
    return found
