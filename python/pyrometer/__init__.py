"""Metrics for Python services that add up across workers by themselves.

The interface is prometheus_client's. Each process counts in a piece of shared memory of its own;
``/metrics`` in any worker, and ``pyrometer up`` on the same machine, show the sum.
"""

from typing import TYPE_CHECKING, Any

from ._core import __version__
from .asgi import make_asgi_app
from .exposition import (
    CONTENT_TYPE_LATEST,
    CONTENT_TYPE_PLAIN_0_0_4,
    CONTENT_TYPE_PLAIN_1_0_0,
    generate_latest,
    make_wsgi_app,
    write_to_textfile,
)
from .gc_collector import GC_COLLECTOR, GCCollector
from .metrics import (
    Counter,
    Enum,
    Gauge,
    Histogram,
    Info,
    Summary,
    disable_created_metrics,
    enable_created_metrics,
)
from .metrics_core import Metric
from .platform_collector import PLATFORM_COLLECTOR, PlatformCollector
from .process_collector import PROCESS_COLLECTOR, ProcessCollector
from .registry import REGISTRY, CollectorRegistry

if TYPE_CHECKING:
    from .alias import install
    from .exposition import (
        MetricsHandler,
        delete_from_gateway,
        instance_ip_grouping_key,
        push_to_gateway,
        pushadd_to_gateway,
        start_http_server,
        start_wsgi_server,
    )
    from .instrumentation import init
    from .runtime.memory import memory_top

# Loaded when it is used: see exposition.py.
_LATE = frozenset(
    (
        *("MetricsHandler", "start_http_server", "start_wsgi_server", "delete_from_gateway"),
        *("instance_ip_grouping_key", "push_to_gateway", "pushadd_to_gateway"),
    )
)


def __getattr__(name: str) -> Any:
    if name in _LATE:
        from . import exposition

        return getattr(exposition, name)
    if name == "init":
        from .instrumentation import init

        return init
    if name == "install":
        from .alias import install

        return install
    if name == "memory_top":
        from .runtime.memory import memory_top

        return memory_top
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = (
    "CONTENT_TYPE_LATEST",
    "CONTENT_TYPE_PLAIN_0_0_4",
    "CONTENT_TYPE_PLAIN_1_0_0",
    "GC_COLLECTOR",
    "PLATFORM_COLLECTOR",
    "PROCESS_COLLECTOR",
    "REGISTRY",
    "CollectorRegistry",
    "Counter",
    "Enum",
    "GCCollector",
    "Gauge",
    "Histogram",
    "Info",
    "Metric",
    "MetricsHandler",
    "PlatformCollector",
    "ProcessCollector",
    "Summary",
    "__version__",
    "delete_from_gateway",
    "disable_created_metrics",
    "enable_created_metrics",
    "generate_latest",
    "init",
    "install",
    "instance_ip_grouping_key",
    "make_asgi_app",
    "make_wsgi_app",
    "memory_top",
    "push_to_gateway",
    "pushadd_to_gateway",
    "start_http_server",
    "start_wsgi_server",
    "write_to_textfile",
)
