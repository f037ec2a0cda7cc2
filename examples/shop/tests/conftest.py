"""Lets the tests import the shop's modules, which are scripts and not a package."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
