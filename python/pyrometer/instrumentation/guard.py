"""What happens to trouble of our own: it is counted, and each kind is logged once."""

from __future__ import annotations

import logging
import sys
from typing import Optional

from ..metrics import Counter

logger = logging.getLogger("pyrometer.instrumentation")

# A text that changes with every request must not fill the memory.
KINDS_MAX = 100

_logged: set[str] = set()
_errors: Optional[Counter] = None


def trouble(where: str) -> None:
    """Takes note of the exception that is being handled. Never raises."""
    global _errors
    try:
        error = sys.exc_info()[1]
        kind = f"{where}: {type(error).__name__}: {error}"
        if kind not in _logged and len(_logged) < KINDS_MAX:
            _logged.add(kind)
            logger.warning("something was not measured: %s", kind, exc_info=True)
        if _errors is None:
            _errors = Counter(
                "pyrometer_instrumentation_errors",
                "What the instrumentation of a framework failed to measure",
                ("where",),
            )
        _errors.labels(where).inc()
    except Exception:
        # The registry refuses the name, or a log handler fails: the application goes on.
        return
