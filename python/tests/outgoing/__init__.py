"""Tests of outgoing calls, against real servers. A package: it has a conftest of its own."""
