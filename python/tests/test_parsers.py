"""What prometheus_client's parsers read, ours read as it does."""

from __future__ import annotations

import random
from typing import Any

import prometheus_client.openmetrics.parser
import prometheus_client.parser
import pytest

import pyrometer.openmetrics.parser
import pyrometer.parser

TEXTS = [
    "a 1",
    "a 1.5 1234",
    "a +Inf\na -Inf\nb 2",
    "# HELP a one\\ntwo \\\\ three\n# TYPE a counter\na 1\n",
    "# TYPE a_total counter\na_total 1\na_total{x=\"1\"} 2\n",
    "# TYPE a gauge\na 1\n# HELP a late\na 2",
    "# TYPE a summary\na{quantile=\"0.5\"} 1\na_sum 1\na_count 1\na_created 1",
    "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 2\na_sum 1\na_count 2",
    'a{b="c", d="e",} 1',
    'a { "b.c" = "d" } 1',
    '{"a.b",c="d"} 1',
    'a{b="\\n\\\\\\"\\q"} 1',
    "# comment\n\n  a\t1  ",
    'a{b="c"',
    'a{b="c",,} 1',
    'a{b="c",b="d"} 1',
    "a 1_0",
    "a",
    "# TYPE a nonsense\na 1",
]

OPEN_TEXTS = [
    "a 1",
    "# HELP a b\\nc\n# TYPE a gauge\n# UNIT a \na 1 123.456",
    "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1",
    '# TYPE a counter\na_total 1 5 # {t="x"} 0.5 12\na_created 3 5',
    "# TYPE a gauge\na 1 1\na 2 1\na 3 2",
    "# TYPE a gauge\na 1 2\na 1 1",
    '# TYPE a gauge\na{x="1"} 1\na{x="2"} 1\na{x="1"} 2',
    "# TYPE a info\na_info{b=\"c\"} 1",
    "# TYPE a stateset\na{a=\"x\"} 1\na{a=\"y\"} 0",
    "# TYPE a summary\na{quantile=\"0.5\"} 1\na_sum 1\na_count 1",
    '# TYPE a histogram\na_bucket{le="1.0"} 1 # {} 0.5\na_bucket{le="+Inf"} 2\na_count 2\na_sum 3',
    '# TYPE a gaugehistogram\na_bucket{le="+Inf"} 1\na_gsum 1\na_gcount 1',
    '# TYPE a histogram\na{b="c"} {count:4,sum:6,schema:3,zero_threshold:2.9e-39,zero_count:1,'
    "positive_spans:[0:2,1:2],positive_deltas:[1,2,-1,1]}",
    '# TYPE a counter\n# TYPE a_total gauge\na_total 1',
    "# TYPE a counter\na_total -1",
    "# TYPE a histogram\na_bucket{le=\"1.0\"} 1",
    "a 1\n\nb 1",
    "a 1 ",
    "# TYPE a untyped",
]

TEXT = (pyrometer.parser, prometheus_client.parser)
OPEN = (pyrometer.openmetrics.parser, prometheus_client.openmetrics.parser)


def read(parser: Any, text: str) -> Any:
    """The families as plain values, or ``ValueError``."""
    try:
        return [
            (m.name, m.documentation, m.type, m.unit, repr([tuple(s) for s in m.samples]))
            for m in parser.text_string_to_metric_families(text)
        ]
    except ValueError:
        return ValueError


@pytest.mark.parametrize("text", TEXTS)
def test_the_text_format_is_read_equally(text: str) -> None:
    ours, theirs = (read(parser, text + "\n") for parser in TEXT)
    assert ours == theirs


@pytest.mark.parametrize("text", OPEN_TEXTS)
def test_openmetrics_is_read_equally(text: str) -> None:
    ours, theirs = (read(parser, text + "\n# EOF\n") for parser in OPEN)
    assert ours == theirs


@pytest.mark.parametrize("end", ["", "# EOF", "# EOF\n", "# EOF\n\n", "# EOF\na 1\n"])
def test_the_end_of_openmetrics_is_where_it_says(end: str) -> None:
    ours, theirs = (read(parser, "a 1\n" + end) for parser in OPEN)
    assert ours == theirs


def damaged(chance: random.Random, text: str) -> str:
    for _ in range(chance.randint(1, 3)):
        place = chance.randint(0, len(text))
        skipped = chance.randint(0, 1)
        new = chance.choice(["", *'{}",=#\\\n _:+-.1e\t\r\0é'])
        text = text[:place] + new + text[place + skipped :]
    return text


def test_damaged_text_is_a_value_error_or_metrics_and_nothing_else() -> None:
    chance = random.Random(11)
    refused = 0
    for _ in range(4_000):
        refused += read(TEXT[0], damaged(chance, chance.choice(TEXTS))) is ValueError
        text = damaged(chance, chance.choice(OPEN_TEXTS)) + "\n# EOF\n"
        refused += read(OPEN[0], text) is ValueError
    assert 1_000 < refused < 7_900


@pytest.mark.parametrize("text", ["", 'a="b"', 'a="b",', '"x",a="b"', 'a=b', 'a="b", c="d"'])
@pytest.mark.parametrize("openmetrics", [False, True])
def test_labels_alone_are_read_equally(text: str, openmetrics: bool) -> None:
    def labels(parser: Any) -> Any:
        try:
            return parser.parse_labels(text, openmetrics)
        except ValueError:
            return ValueError

    assert labels(TEXT[0]) == labels(TEXT[1])
