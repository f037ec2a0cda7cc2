"""gRPC servers.

    pyrometer.init(server)  # grpc.server(...), before it is started
    grpc.aio.server(interceptors=[pyrometer.instrumentation.grpc.aio_interceptor()])

A call is measured until its last answer is handed over. grpc.aio takes interceptors only while a
server is made.
"""

from __future__ import annotations

import inspect
import weakref
from importlib import import_module
from threading import Lock
from time import perf_counter
from typing import Any, Callable, Optional

from ..metrics import Gauge, Histogram
from ..registry import CollectorRegistry
from .children import Children
from .guard import trouble
from .http import BUCKETS

OTHER_METHOD = "_OTHER"
"""The method of calls that no service has: a client may ask for any."""

# The codes that are the server's fault, by the semantic conventions for gRPC.
SERVER_ERRORS = frozenset(
    ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
)


def instrument(server: Any, registry: CollectorRegistry) -> Any:
    """Measures a server of ``grpc.server`` in place, for the calls that come from now on."""
    state = getattr(server, "_state", None)
    if state is None:
        raise TypeError("grpc.aio takes interceptors only while a server is made: aio_interceptor")
    pipeline = state.interceptor_pipeline
    interceptors = () if pipeline is None else pipeline.interceptors
    if not any(getattr(one, "_pyrometer", False) for one in interceptors):
        ours = interceptor(registry)
        internal = import_module("grpc._interceptor")
        state.interceptor_pipeline = internal.service_pipeline((ours, *interceptors))
    return server


def interceptor(registry: Optional[CollectorRegistry] = None) -> Any:
    """An interceptor for ``grpc.server(interceptors=[...])``; best the first."""
    grpc = import_module("grpc")
    metrics = grpc_server(registry)

    class Interceptor(grpc.ServerInterceptor):  # type: ignore[misc,name-defined,unused-ignore]
        _pyrometer = True

        def intercept_service(self, continuation: Any, details: Any) -> Any:
            return _measured(grpc, metrics, continuation(details), details.method)

    return Interceptor()


def aio_interceptor(registry: Optional[CollectorRegistry] = None) -> Any:
    """An interceptor for ``grpc.aio.server(interceptors=[...])``; best the first."""
    grpc = import_module("grpc")
    aio = import_module("grpc.aio")
    metrics = grpc_server(registry)

    class Interceptor(aio.ServerInterceptor):  # type: ignore[misc,name-defined,unused-ignore]
        _pyrometer = True

        async def intercept_service(self, continuation: Any, details: Any) -> Any:
            return _measured(grpc, metrics, await continuation(details), details.method)

    return Interceptor()


# The method, its child among the calls in progress, and when the call came.
_Begun = tuple[str, Any, float]


class GrpcServer:
    """The metrics of all gRPC servers of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        share = getattr(registry, "share", None)
        if share is not None:
            share()
        duration = Histogram(
            "rpc_server_call_duration_seconds",
            "Time from a call's arrival to its last answer",
            ("rpc_system_name", "rpc_method", "rpc_response_status_code", "error_type"),
            buckets=BUCKETS,
            registry=registry,
        )
        self._duration = Children(duration, 1, 3)
        active = Gauge(
            "rpc_server_active_calls",
            "Calls that are being answered",
            ("rpc_system_name", "rpc_method"),
            registry=registry,
        )
        self._active = Children(active, 1)

    def refuse(self) -> None:
        """A call that no service has."""
        labels = ("grpc", OTHER_METHOD, "UNIMPLEMENTED", "UNIMPLEMENTED")
        self._duration.get(*labels).observe(0.0)

    def begin(self, method: str) -> _Begun:
        """A call has come; returns what ``end`` wants."""
        # A generic handler may take whatever a client asks for.
        method = method.lstrip("/")
        active = self._active.get("grpc", method)
        active.inc()
        return method, active, perf_counter()

    def end(self, begun: _Begun, context: Any, error: Optional[BaseException]) -> None:
        """The call is at its end."""
        method, active, started = begun
        seconds = perf_counter() - started
        active.dec()
        code = _code(context)
        name = code if code in SERVER_ERRORS else ""
        if code in ("", "OK"):
            # An application that fails without a word is UNKNOWN to its client.
            code = "OK" if error is None else "UNKNOWN"
            name = "" if error is None else type(error).__qualname__
        self._duration.get("grpc", method, code, name).observe(seconds)


_servers: weakref.WeakKeyDictionary[Any, GrpcServer] = weakref.WeakKeyDictionary()
_lock = Lock()


def grpc_server(registry: Optional[CollectorRegistry]) -> GrpcServer:
    """The metrics of a registry, the default one if not given; made when they are new."""
    if registry is None:
        from .. import REGISTRY

        registry = REGISTRY
    with _lock:
        found = _servers.get(registry)
        if found is None:
            found = _servers[registry] = GrpcServer(registry)
        return found


def _code(context: Any) -> str:
    code = context.code()
    # grpc.aio has a number, 0 until one is set.
    return str(getattr(code, "name", "") or "") if code else ""


def _measured(grpc: Any, metrics: GrpcServer, handler: Any, method: str) -> Any:
    try:
        if handler is None:
            metrics.refuse()
            return None
        kind = ("stream" if handler.request_streaming else "unary") + "_"
        kind += "stream" if handler.response_streaming else "unary"
        measured = _behavior(metrics, getattr(handler, kind), method, handler.response_streaming)
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(measured, handler.request_deserializer, handler.response_serializer)
    except Exception:
        trouble("grpc")
        return handler


def _behavior(
    metrics: GrpcServer, behavior: Callable[..., Any], method: str, is_stream: bool
) -> Callable[..., Any]:
    """The service's method, measured; of the same sort, since grpc.aio looks at it."""
    begin, end = _guarded(metrics, method)
    # A coroutine may also be a stream whose answers are written by ``context.write``.
    if inspect.isasyncgenfunction(behavior) or inspect.iscoroutinefunction(behavior):
        return _async_behavior(behavior, begin, end)
    return _sync_behavior(behavior, is_stream, begin, end)


_Begin = Callable[[], Optional[_Begun]]
_End = Callable[[Any, Any, Optional[BaseException]], None]


def _guarded(metrics: GrpcServer, method: str) -> tuple[_Begin, _End]:
    """``begin`` and ``end`` of one method's calls, which raise nothing into them."""

    def begin() -> Optional[_Begun]:
        try:
            return metrics.begin(method)
        except Exception:
            trouble("grpc")
            return None

    def end(begun: Any, context: Any, error: Optional[BaseException]) -> None:
        try:
            if begun is not None:
                metrics.end(begun, context, error)
        except Exception:
            trouble("grpc")

    return begin, end


def _sync_behavior(
    behavior: Callable[..., Any], is_stream: bool, begin: _Begin, end: _End
) -> Callable[..., Any]:
    def answer(request: Any, context: Any) -> Any:
        begun, failure = begin(), None
        try:
            return behavior(request, context)
        except BaseException as error:
            failure = error
            raise
        finally:
            end(begun, context, failure)
            failure = None

    def answers(request: Any, context: Any) -> Any:
        begun, failure = begin(), None
        try:
            yield from behavior(request, context)
        except GeneratorExit:
            raise
        except BaseException as error:
            failure = error
            raise
        finally:
            end(begun, context, failure)
            failure = None

    return answers if is_stream else answer


def _async_behavior(
    behavior: Callable[..., Any], begin: _Begin, end: _End
) -> Callable[..., Any]:
    async def answer_async(request: Any, context: Any) -> Any:
        begun, failure = begin(), None
        try:
            return await behavior(request, context)
        except BaseException as error:
            failure = error
            raise
        finally:
            end(begun, context, failure)
            failure = None

    async def answers_async(request: Any, context: Any) -> Any:
        begun, failure = begin(), None
        try:
            async for one in behavior(request, context):
                yield one
        except GeneratorExit:
            raise
        except BaseException as error:
            failure = error
            raise
        finally:
            end(begun, context, failure)
            failure = None

    return answers_async if inspect.isasyncgenfunction(behavior) else answer_async
