"""Test suites of others pass over ``pyrometer.install()``, but for what differs on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest
from suites import SUITES, Suite, run


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_what_fails_is_what_differs_on_purpose(suite: Suite, tmp_path: Path) -> None:
    tests, failed, said = run(suite, tmp_path)
    unexpected = failed - suite.deviations.keys()
    assert not unexpected, f"{sorted(unexpected)} failed\n{said}"
    mended = suite.deviations.keys() - failed
    assert not mended, f"{sorted(mended)} did not fail: take them out of the list"
    assert len(tests) == suite.n_tests, f"{sorted(tests)}\n{said}"
