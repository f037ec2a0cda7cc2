"""What a client may ask for, and that it can read what it gets."""

from __future__ import annotations

import gzip
import os
import sys
import threading
from typing import Any, Callable, Optional

import pytest
import zstandard

import pyrometer
from pyrometer import _core
from pyrometer.compression import choose_coding
from pyrometer.exposition import gzip_accepted

READERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "zstd": lambda content: zstandard.ZstdDecompressor().decompress(content),
    "": lambda content: content,
}


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0, zstd", "zstd"),
        ("gzip ; q=0.001", "gzip"),
        ("*", "zstd"),
        ("*;q=0", None),
        ("*, zstd;q=0", "gzip"),
        ("gzip;q=much", None),
        ("gzip;q=nan", None),
        ("gzip;q=7", None),
        ("gzip;q=-1", None),
        (",,;q=1,gzip", "gzip"),
        ("gzip;" * 1000, "gzip"),
    ],
)
def test_the_coding_is_the_one_that_is_wanted_most(
    header: Optional[str], coding: Optional[str]
) -> None:
    assert choose_coding(header) == coding


@pytest.mark.parametrize(
    ("header", "accepted"), [("gzip", True), ("zstd, gzip", True), ("zstd", False), ("gzip;q=0", False)]
)
def test_gzip_accepted_asks_for_gzip_alone(header: str, accepted: bool) -> None:
    assert gzip_accepted(header) is accepted


@pytest.mark.parametrize(
    ("header", "coding"), [("gzip", "gzip"), ("zstd", "zstd"), ("br", ""), ("gzip;q=0", "")]
)
def test_a_view_answers_in_it(header: str, coding: str) -> None:
    registry = pyrometer.CollectorRegistry()
    counter = pyrometer.Counter("bytes_sent", "help", ["path"], registry=registry)
    for number in range(500):
        counter.labels(f"/item/{number}").inc(number)
    answered: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        answered.update(headers, status=status)

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_ACCEPT_ENCODING": header}
    (body,) = pyrometer.make_wsgi_app(registry)(environ, start_response)
    assert answered["status"] == "200 OK"
    assert answered.get("Content-Encoding", "") == coding
    assert READERS[coding](body) == pyrometer.generate_latest(registry)


def test_other_threads_go_on_meanwhile() -> None:
    # Some hundredths of a second or more; other threads wake within one.
    content = os.urandom(3_000_000).hex().encode()
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        _core.compress("zstd", content)
        ended.set()

    thread = threading.Thread(target=work)
    interval = sys.getswitchinterval()
    # Nobody is made to give up the lock: this thread goes on when the other one lets go of it.
    sys.setswitchinterval(60.0)
    try:
        thread.start()
        begun.wait()
        went_on_meanwhile = not ended.is_set()
    finally:
        sys.setswitchinterval(interval)
        thread.join()
    assert went_on_meanwhile


@pytest.mark.parametrize("content", [b"", b"a", bytes(10_000_000)])
@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_any_content_can_be_read_again(coding: str, content: bytes) -> None:
    assert READERS[coding](_core.compress(coding, content)) == content


def test_a_coding_that_is_not_offered_is_refused() -> None:
    with pytest.raises(ValueError, match="no content coding: br"):
        _core.compress("br", b"")
