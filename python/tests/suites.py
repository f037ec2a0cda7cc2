"""Test suites of the packages that are replaced, and of others that stand on them.

A suite comes from its package's source archive when it is run, and is kept nowhere in the
project. It runs with ``pyrometer.install()`` before anything else is imported. What fails must be
what is expected to fail, with a reason each: no more, and no less.

To add one, add a ``Suite``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping

import pytest
from conftest import PACKAGE_DIR

FILES = Path(__file__).parent / "suite_files"
ARCHIVES = PACKAGE_DIR.parent / "target/suites"


@dataclass(frozen=True)
class Suite:
    """A test suite and what is expected of it.

    name, version: of the package on PyPI.
    archive, sha256: its source archive's file name and checksum.
    tests: the folder of the tests in the archive.
    n_tests: how many there are, so that none is lost unseen.
    deviations: tests that fail, as ``file::class::test``, each with the reason.
    files: what the archive lacks: a path in it, and the file in ``suite_files`` that goes there.
    """

    name: str
    version: str
    archive: str
    sha256: str
    tests: str
    n_tests: int
    deviations: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


SUITES = (
    Suite(
        name="prometheus-flask-exporter",
        version="0.23.2",
        archive="prometheus_flask_exporter-0.23.2.tar.gz",
        sha256="41fc9bbd7d48cc958ed8384aacf60c3621d9e903768be61c4e7f0c63872eaf1a",
        tests="tests",
        n_tests=79,
        files={"tests/unittest_helper.py": "unittest_helper.py"},
        deviations={
            "test_group_by::GroupByTest::test_group_by_path_default": (
                "group_by not given groups by the route's rule"
            ),
            "test_group_by::GroupByTest::test_group_by_path_default_with_summaries": (
                "group_by not given groups by the route's rule"
            ),
            "test_group_by::GroupByTest::test_group_by_lambda_is_not_supported": (
                "fails with the real packages too: UTF-8 label names are legal since"
            ),
            "test_metrics::MetricsTest::test_default_format": (
                "fails with the real packages too: the latest content type has changed since"
            ),
        },
    ),
    Suite(
        name="starlette-exporter",
        version="0.24.0",
        archive="starlette_exporter-0.24.0.tar.gz",
        sha256="c09cb9be59d3d43f69d717c0108b90858ff226f33431493033803f8b7d3dec78",
        tests="tests",
        n_tests=62,
        files={"tests/static/test.txt": "static.txt"},
    ),
)


def fetch(suite: Suite) -> Path:
    """The suite's archive. Without a registry a test is skipped; in CI that is a failure."""
    path = ARCHIVES / suite.archive
    if not path.exists():
        download(suite, path)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != suite.sha256:
        path.unlink()
        raise AssertionError(f"{suite.archive} is not what it was: its sha256 is {found}")
    return path


def download(suite: Suite, path: Path) -> None:
    # A folder of its own: two runs may do this at once.
    folder = ARCHIVES / f"{suite.name}-{os.getpid()}"
    options = ["--quiet", "--no-deps", "--no-binary", suite.name, "--dest", str(folder)]
    try:
        result = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", *options),
                f"{suite.name}=={suite.version}",
            ],
            capture_output=True,
            text=True,
            timeout=300,
        )
        if result.returncode != 0 or not (folder / suite.archive).exists():
            missing = f"pip brought no {suite.archive}: nothing of it was tested\n{result.stderr}"
            if os.environ.get("CI") == "true":
                pytest.fail(missing)
            pytest.skip(missing)
        os.replace(folder / suite.archive, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unpack(suite: Suite, folder: Path) -> Path:
    """The root of the suite's source, made complete."""
    with tarfile.open(fetch(suite)) as archive:
        archive.extractall(folder, filter="data")
    root = folder / suite.archive.removesuffix(".tar.gz")
    # The package is the one that is installed, or ours; its source must not be in the way.
    for name in ("conftest.py", "pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini"):
        (root / name).unlink(missing_ok=True)
    for place, name in suite.files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(FILES / name, root / place)
    return root


def run(suite: Suite, folder: Path) -> tuple[set[str], set[str], str]:
    """Runs a suite over ``install()``: all its tests, those that failed, and what it said."""
    root = unpack(suite, folder)
    report = folder / "report.xml"
    environment = {
        **os.environ,
        # The plugin, and ours; not the source of what is replaced, which lies in the root.
        "PYTHONPATH": os.pathsep.join((str(FILES), str(PACKAGE_DIR))),
        "PYTHONSAFEPATH": "1",
        "PYROMETER_RUNTIME_DIR": str(folder / "runtime"),
    }
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "installed"),
        *("-c", os.devnull, "--rootdir", str(root), f"--junitxml={report}", suite.tests),
    ]
    result = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=300
    )
    assert report.exists(), f"the suite did not run\n{result.stdout}\n{result.stderr}"
    tests, failed = set(), set()
    for case in ElementTree.parse(report).iter("testcase"):
        *module, rest = case.attrib["classname"].removeprefix(f"{suite.tests}.").split(".")
        name = "::".join((*module, rest, case.attrib["name"]))
        tests.add(name)
        if case.find("failure") is not None or case.find("error") is not None:
            failed.add(name)
    return tests, failed, result.stdout
