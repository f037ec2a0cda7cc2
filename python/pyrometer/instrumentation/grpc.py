"""gRPC servers.

    server = pyrometer.init(grpc.server(...))
    server = pyrometer.init(grpc.aio.server(...))  # before its services are added
    grpc.aio.server(interceptors=[pyrometer.instrumentation.grpc.aio_interceptor()])

A call is measured until its last answer is handed over. grpc.aio takes interceptors only while a
server is made; the third way, beside the second or alone, also counts calls that no service has.
"""

from __future__ import annotations

import functools
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
    """Measures a server in place: for the calls that come from now on, or, if it is asyncio's,
    for the services that are added from now on."""
    state = getattr(server, "_state", None)
    if state is None:
        _instrument_aio(server, registry)
        return server
    pipeline = state.interceptor_pipeline
    interceptors = () if pipeline is None else pipeline.interceptors
    if not any(getattr(one, "_pyrometer", False) for one in interceptors):
        ours = interceptor(registry)
        internal = import_module("grpc._interceptor")
        state.interceptor_pipeline = internal.service_pipeline((ours, *interceptors))
    return server


_aio_classes: dict[type, type] = {}


def _instrument_aio(server: Any, registry: CollectorRegistry) -> None:
    own = type(server)
    if hasattr(server, "_pyrometer"):
        return
    ours = _aio_classes.get(own)
    if ours is None:
        # Not attributes of the object: it would keep itself alive, and ends when it is let go.
        ours = _aio_classes[own] = _aio_class(own)
    server._pyrometer = grpc_server(registry)
    server.__class__ = ours


def _aio_class(own: Any) -> type:
    grpc = import_module("grpc")

    class Service(grpc.GenericRpcHandler):  # type: ignore[misc,name-defined,unused-ignore]
        def __init__(self, metrics: GrpcServer, service: Any) -> None:
            self._metrics = metrics
            self._service = service

        def service(self, details: Any) -> Any:
            handler = self._service.service(details)
            # The next service may have it.
            if handler is None:
                return None
            return _measured(grpc, self._metrics, handler, details.method)

    def add_generic_rpc_handlers(self: Any, generic_rpc_handlers: Any) -> Any:
        services = [Service(self._pyrometer, one) for one in generic_rpc_handlers]
        return own.add_generic_rpc_handlers(self, services)

    def add_registered_method_handlers(self: Any, service_name: str, method_handlers: Any) -> Any:
        measured = {
            name: _measured(grpc, self._pyrometer, handler, f"{service_name}/{name}")
            for name, handler in method_handlers.items()
        }
        return own.add_registered_method_handlers(self, service_name, measured)

    members: dict[str, Any] = {"__module__": own.__module__, "__qualname__": own.__qualname__}
    for method in (add_generic_rpc_handlers, add_registered_method_handlers):
        # Older versions know no registered methods.
        if hasattr(own, method.__name__):
            members[method.__name__] = functools.wraps(getattr(own, method.__name__))(method)
    return type(own.__name__, (own,), members)


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
            # It has a code, of which nothing is said here.
            code = "" if name == "AbortError" else code
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
    read = getattr(context, "code", None)
    if read is None:
        # What grpc.aio gives to a function without ``async`` keeps the code to itself.
        return ""
    code = read()
    # grpc.aio has a number, 0 until one is set.
    return str(getattr(code, "name", "") or "") if code else ""


def _measured(grpc: Any, metrics: GrpcServer, handler: Any, method: str) -> Any:
    try:
        if handler is None:
            metrics.refuse()
            return None
        kind = ("stream" if handler.request_streaming else "unary") + "_"
        kind += "stream" if handler.response_streaming else "unary"
        behavior = getattr(handler, kind)
        if hasattr(behavior, "_pyrometer"):
            # By the other of the two ways.
            return handler
        measured: Any = _behavior(metrics, behavior, method, handler.response_streaming)
        measured._pyrometer = True
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
