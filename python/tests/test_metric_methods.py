"""What a metric's methods do where prometheus_client's are subclassed, copied or looked into, and
what happens when there are too many label sets."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import weakref
from pathlib import Path
from typing import Any, Optional

import pytest
from conftest import run_python

from pyrometer import CollectorRegistry, Counter, Gauge, Histogram, Summary
from pyrometer.context_managers import Timer


def histogram(**kwargs: Any) -> Histogram:
    return Histogram("h", "help", registry=CollectorRegistry(), **kwargs)


def count(metric: Any) -> Optional[float]:
    return sum(
        sample.value
        for family in metric.collect()
        for sample in family.samples
        if sample.name.endswith("_count")
    )


@pytest.mark.parametrize(
    ("values", "by_name"),
    [
        (("a", "b"), {}),
        ((), {"x": "a", "y": "b"}),
        ((), {"y": "b", "x": "a"}),
    ],
)
def test_the_same_labels_give_the_same_child(
    values: tuple[str, ...], by_name: dict[str, str]
) -> None:
    c = Counter("c", "help", ["x", "y"], registry=None)
    child = c.labels("a", "b")
    assert c.labels(*values, **by_name) is child


@pytest.mark.parametrize(
    ("values", "by_name", "message"),
    [
        (("a",), {}, "Incorrect label count"),
        (("a", "b", "c"), {}, "Incorrect label count"),
        ((), {"x": "a"}, "Incorrect label names"),
        ((), {"x": "a", "z": "b"}, "Incorrect label names"),
        (("a",), {"y": "b"}, "Can't pass both"),
        ((), {}, "Incorrect label count"),
    ],
)
def test_other_labels_are_refused(
    values: tuple[str, ...], by_name: dict[str, str], message: str
) -> None:
    c = Counter("c", "help", ["x", "y"], registry=None)
    with pytest.raises(ValueError, match=message):
        c.labels(*values, **by_name)


def test_labels_that_are_no_plain_text_become_text() -> None:
    class Kind(str):
        def __str__(self) -> str:
            return "as it prints"

    c = Counter("c", "help", ["x"], registry=None)
    assert c.labels(7) is c.labels("7")
    assert c.labels(Kind("as it compares")) is c.labels("as it prints")
    unhashable: Any = ["a"]
    assert c.labels(unhashable) is c.labels("['a']")


@pytest.mark.parametrize(
    ("metric", "call"),
    [
        (Counter("c", "help", ["x"], registry=None), lambda m: m.inc()),
        (Gauge("g", "help", ["x"], registry=None), lambda m: m.set(1)),
        (Gauge("g", "help", ["x"], registry=None), lambda m: m.dec()),
        (Summary("s", "help", ["x"], registry=None), lambda m: m.observe(1)),
        (Histogram("h", "help", ["x"], registry=None), lambda m: m.observe(1)),
    ],
)
def test_a_metric_with_labels_does_not_count_itself(metric: Any, call: Any) -> None:
    with pytest.raises(ValueError, match="metric is missing label values"):
        call(metric)


def test_a_subclass_with_a_method_of_its_own_is_asked_by_its_timer() -> None:
    seen = []

    class Mine(Histogram):
        def observe(self, amount: float, exemplar: Any = None) -> None:
            seen.append(amount)
            super().observe(amount, exemplar)

    mine = Mine("h", "help", registry=CollectorRegistry())
    with mine.time() as timer:
        pass

    @mine.time()
    def timed() -> None:
        pass

    timed()
    assert len(seen) == 2 and seen[0] == timer.duration
    assert count(mine) == 2


def test_a_subclass_with_a_constructor_of_its_own_makes_its_children() -> None:
    class Mine(Counter):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.is_mine = True

    mine = Mine("c", "help", labelnames=["x"], registry=None)
    assert mine.labels("a").is_mine
    mine.labels("a").inc(2)
    assert mine.labels("a")._value.get() == 2


def test_a_copy_counts_in_the_same_cells() -> None:
    c = Counter("c", "help", registry=None)
    copy.copy(c).inc()
    assert c._value.get() == 1


def test_children_may_be_taken_and_replaced_where_others_do_it() -> None:
    c = Counter("c", "help", ["x"], registry=None)
    c.labels("a").inc()
    c._metrics.clear()
    assert c.labels("a")._value.get() == 0
    kept = c.labels("a")
    c._metrics = {("b",): kept}
    assert c.labels("b") is kept
    assert list(c._metrics) == [("b",)]


def test_a_child_looks_like_its_parent() -> None:
    h = histogram(labelnames=["x"], buckets=[1, 2], unit="seconds")
    child = h.labels("a")
    assert (child._name, child._unit, child._labelnames) == ("h_seconds", "seconds", ("x",))
    assert child._labelvalues == ("a",)
    assert child._upper_bounds == [1.0, 2.0, float("inf")]
    assert type(child) is Histogram
    with pytest.raises(ValueError, match="can not chain calls"):
        child.labels("b")


def test_the_labels_may_be_chosen_within_the_block() -> None:
    h = histogram(labelnames=["x"])
    with h.time() as timer:
        timer.labels("a")
    assert count(h) == 1
    assert timer.duration is not None and timer.duration >= 0


def test_a_timed_function_is_a_function_with_its_signature() -> None:
    h = histogram()

    @h.time()
    def add(a: int, b: int = 2) -> int:
        """Adds."""
        return a + b

    @h.time()
    async def later(a: int) -> int:
        await asyncio.sleep(0)
        return a

    assert inspect.isfunction(add) and add.__doc__ == "Adds." and add.__name__ == "add"
    assert str(inspect.signature(add)) == "(a: 'int', b: 'int' = 2) -> 'int'"
    assert inspect.iscoroutinefunction(later)
    assert add(1) == 3 and asyncio.run(later(7)) == 7
    assert count(h) == 2


def test_a_function_that_raises_is_timed_too() -> None:
    h = histogram()

    @h.time()
    def fail() -> None:
        raise KeyError("on purpose")

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(KeyError), h.time():
        raise KeyError("on purpose")
    assert count(h) == 2


def test_a_timer_tells_any_method_of_any_object() -> None:
    class Told:
        seconds: Optional[float] = None

        def tell(self, seconds: float) -> None:
            self.seconds = seconds

    told = Told()
    with Timer(told, "tell") as timer:
        pass
    assert told.seconds == timer.duration
    with pytest.raises(AttributeError):
        Timer(told, "tell").__exit__(None, None, None)
    with pytest.raises(AttributeError), Timer(told, "nothing"):
        pass


def test_a_metric_that_nobody_holds_is_freed_with_its_children() -> None:
    c = Counter("c", "help", ["x"], registry=None)
    gone = weakref.ref(c), weakref.ref(c.labels("a"))
    # A way round that only the collector finds.
    c.labels("a").parent = c
    del c
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


TOO_MANY = """
import logging, sys
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
import pyrometer
c = pyrometer.Counter("c", "help", ["path", "code"])
for n in range(10):
    c.labels(f"/{n}", "200").inc()
c.labels(path="/1", code="200").inc()
for family in pyrometer.REGISTRY.collect():
    for sample in family.samples:
        if sample.name == "c_total":
            print(sample.labels["path"], sample.labels["code"], sample.value)
"""


@pytest.mark.parametrize(
    ("limit", "lines", "warnings"),
    [
        ("3", ["/0 200 1.0", "/1 200 2.0", "/2 200 1.0", "<overflow> <overflow> 7.0"], ["c has 3"]),
        ("0", None, []),
        ("", None, []),
        ("many", None, ["PYROMETER_SERIES_MAX is 'many'"]),
        ("-1", None, ["PYROMETER_SERIES_MAX is '-1'"]),
    ],
)
def test_label_sets_beyond_the_limit_share_a_child(
    limit: str, lines: Optional[list[str]], warnings: list[str], tmp_path: Path
) -> None:
    printed = run_python(TOO_MANY, tmp_path, PYROMETER_SERIES_MAX=limit).splitlines()
    warned = [line.removeprefix("WARNING ") for line in printed if line.startswith("WARNING")]
    counted = [line for line in printed if not line.startswith("WARNING")]
    if lines is None:
        assert len(counted) == 10
    else:
        assert counted == lines
    # Once, however many there are.
    assert len(warned) == len(warnings)
    assert all(line.startswith(start) for line, start in zip(warned, warnings))
