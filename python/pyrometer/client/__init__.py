"""prometheus_client's interface under its own names, to the last module.

    from pyrometer import client as prometheus_client

What a module is called there it is called here (``client.exposition``, ``client.multiprocess``);
``pyrometer.install()`` makes ``import prometheus_client`` find this package. Modules that only
prometheus_client has a use for live below it, all others beside it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .. import (
    CONTENT_TYPE_LATEST,
    CONTENT_TYPE_PLAIN_0_0_4,
    CONTENT_TYPE_PLAIN_1_0_0,
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    Metric,
    PlatformCollector,
    ProcessCollector,
    Summary,
    asgi,
    context_managers,
    disable_created_metrics,
    enable_created_metrics,
    exposition,
    gc_collector,
    generate_latest,
    make_asgi_app,
    make_wsgi_app,
    metrics,
    metrics_core,
    openmetrics,
    platform_collector,
    process_collector,
    registry,
    samples,
    utils,
    validation,
    write_to_textfile,
)
from ..alias import mirror

if TYPE_CHECKING:
    from .. import (
        MetricsHandler,
        core,
        delete_from_gateway,
        instance_ip_grouping_key,
        parser,
        push_to_gateway,
        pushadd_to_gateway,
        start_http_server,
        start_wsgi_server,
    )
    from . import decorator, mmap_dict, multiprocess, values

mirror(__name__)

# Modules that are loaded when they are asked for, and names that `exposition` loads.
_MODULES = frozenset(("core", "decorator", "mmap_dict", "multiprocess", "parser", "values"))
_LATE = frozenset(
    (
        *("MetricsHandler", "start_http_server", "start_wsgi_server", "delete_from_gateway"),
        *("instance_ip_grouping_key", "push_to_gateway", "pushadd_to_gateway"),
    )
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _LATE:
        return getattr(exposition, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# As prometheus_client's: a star import brings these.
__all__ = (
    "CollectorRegistry",
    "REGISTRY",
    "Metric",
    "Counter",
    "Gauge",
    "Summary",
    "Histogram",
    "Info",
    "Enum",
    "enable_created_metrics",
    "disable_created_metrics",
    "CONTENT_TYPE_LATEST",
    "CONTENT_TYPE_PLAIN_0_0_4",
    "CONTENT_TYPE_PLAIN_1_0_0",
    "generate_latest",
    "MetricsHandler",
    "make_wsgi_app",
    "make_asgi_app",
    "start_http_server",
    "start_wsgi_server",
    "write_to_textfile",
    "push_to_gateway",
    "pushadd_to_gateway",
    "delete_from_gateway",
    "instance_ip_grouping_key",
    "ProcessCollector",
    "PROCESS_COLLECTOR",
    "PlatformCollector",
    "PLATFORM_COLLECTOR",
    "GCCollector",
    "GC_COLLECTOR",
)
