"""Fifty deaths and fifty damages; the programs' own heads say how to run a thousand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PACKAGE_DIR

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("program", "option"), [("kills.py", "--kills"), ("damages.py", "--damages")]
)
def test_neither_deaths_nor_damages_cost_what_is_whole(program: str, option: str) -> None:
    result = subprocess.run(
        [sys.executable, str(HERE / program), option, "50"],
        env={**os.environ, "PYTHONPATH": str(PACKAGE_DIR)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads(result.stdout.splitlines()[-1])[option.lstrip("-")] >= 50
