"""prometheus_client's own tests judge this package, over ``pyrometer.install()``.

They come with its source distribution, which is fetched from PyPI once and kept below ``target``.
What fails must be what is listed here, with the reason: a test that fails and is not listed, and
one that is listed and passes, fail this one.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from conftest import PACKAGE_DIR

VERSION = "0.26.0"
SHA256 = "04a91bcf94e2cf74a44a1a874d651a2e853ed354b6e822f3b7487751465d5c2b"
N_TESTS = 321
KEPT = PACKAGE_DIR.parent / "target" / "client-suite"

_NAMES = "repr() names the module where the class is, which is pyrometer.metrics"
DEVIATIONS = {
    "test_core.TestCounter.test_repr": _NAMES,
    "test_core.TestGauge.test_repr": _NAMES,
    "test_core.TestSummary.test_repr": _NAMES,
    "test_core.TestHistogram.test_repr": _NAMES,
    "test_core.TestInfo.test_repr": _NAMES,
    "test_multiprocess.TestMultiProcess.test_remove_clear_warning": (
        "remove() and clear() work over several processes, so they do not warn that they do not"
    ),
    "test_multiprocess.TestUnsetEnv.test_unset_syncdir_env": (
        "MultiProcessCollector needs no folder: it has the sum of the program's processes"
    ),
}

# Fails now and then with the real package too, for which see the reason. Left out.
UNDECIDED = {
    "test_exposition.TestWsgiTLS.test_mtls_untrusted_client_cert_raises": (
        "in TLS 1.3 a client may have sent its request before it hears that its certificate was "
        "refused, and then meets the end of the connection instead of the SSLError that is wanted"
    ),
}

CONFTEST = """
import pytest
import pyrometer

assert pyrometer.install()

@pytest.fixture
def benchmark():
    # How fast it is, is not asked here.
    return lambda work, *args, **kwargs: work(*args, **kwargs)
"""


def sdist() -> Path:
    """The source distribution; fetched when it is not there."""
    archive = KEPT / f"prometheus_client-{VERSION}.tar.gz"
    if not archive.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        fetched = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--disable-pip-version-check", "--no-binary", ":all:", "--dest", str(KEPT)),
                f"prometheus-client=={VERSION}",
            ],
            capture_output=True,
            text=True,
        )
        if fetched.returncode != 0:
            missing = f"prometheus_client's tests cannot be fetched, so nobody judged: {fetched}"
            if os.environ.get("CI") == "true":
                pytest.fail(missing)
            pytest.skip(missing)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert digest == SHA256, f"{archive} is not what it was; remove it to fetch it again"
    return archive


def unpack(archive: Path, folder: Path) -> None:
    """The tests alone: the package itself must not be found."""
    prefix = f"prometheus_client-{VERSION}/tests/"
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.name.startswith(prefix)]
        for member in members:
            member.name = "tests/" + member.name.removeprefix(prefix)
        tar.extractall(folder, members, filter="data")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\n")


def run(folder: Path) -> tuple[set[str], set[str]]:
    """All tests, and those that failed or were skipped."""
    report = folder / "report.xml"
    env = {
        name: value
        for name, value in os.environ.items()
        if name.upper() not in ("PROMETHEUS_MULTIPROC_DIR", "PROMETHEUS_DISABLE_CREATED_SERIES")
    }
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p"),
            *("no:benchmark", f"--junitxml={report}", "tests"),
        ],
        cwd=folder,
        env={
            **env,
            "PYTHONPATH": str(PACKAGE_DIR),
            "PYROMETER_RUNTIME_DIR": str(folder / "runtime"),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    # 0: all passed; 1: some failed. All else is no verdict.
    assert ended.returncode in (0, 1), ended.stdout + ended.stderr
    every, failed = set(), set()
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}".removeprefix("tests.")
        every.add(name)
        if len(case) and {child.tag for child in case} & {"failure", "error", "skipped"}:
            failed.add(name)
    return every, failed


def test_the_tests_of_the_real_package_pass_but_for_what_is_meant_to_differ(
    tmp_path: Path,
) -> None:
    unpack(sdist(), tmp_path)
    every, failed = run(tmp_path)
    assert len(every) == N_TESTS, "some tests were not found"
    assert UNDECIDED.keys() | DEVIATIONS.keys() <= every, "a test that is listed does not exist"
    failed -= UNDECIDED.keys()
    assert failed - DEVIATIONS.keys() == set(), "these differ, and nobody says why"
    assert DEVIATIONS.keys() - failed == set(), "these are the same now: take them off the list"
