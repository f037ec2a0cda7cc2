"""What all services of the shop have in common: they are measured, and some releases are broken."""

from __future__ import annotations

import os
from typing import TypeVar

import pyrometer
import pyrometer.outgoing

A = TypeVar("A")

# Mistakes of this release, by name. Each is in the code of the service that has it.
DEFECTS = frozenset(os.environ.get("DEFECTS", "").split())


def measured(app: A, service: str) -> A:
    """The application to serve, with what comes in and what goes out measured."""
    pyrometer.outgoing.instrument()
    build = pyrometer.Info("app_build", "What is deployed.")
    build.info({"version": os.environ.get("RELEASE", "1.0.0")})
    return pyrometer.init(app, service=service)
