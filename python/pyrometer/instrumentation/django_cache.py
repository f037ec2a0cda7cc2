"""Django's caches: operations, hits and misses by alias.

``caches[alias]`` hands out objects of a backend's class, which may override anything, so what is
measured are the objects: each becomes one of a subclass of its own class. Operations that a backend
makes of others (``get_many`` of many ``get``) are counted once; the asynchronous ones that Django
makes of the plain ones are counted as these.
"""

from __future__ import annotations

import functools
import weakref
from contextvars import ContextVar
from importlib import import_module
from threading import Lock
from time import perf_counter
from typing import Any, Callable, Optional

from ..metrics import Counter, Histogram
from ..outgoing.patching import Patches
from ..registry import CollectorRegistry
from .children import Children
from .guard import trouble

# Seconds; from a dictionary in memory to a server far away.
BUCKETS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)

# Whatever a backend overrides; what is made of these by all backends, such as ``get_or_set``,
# is counted as its parts.
_OPERATIONS = (
    *("add", "set", "touch", "delete", "has_key", "incr", "decr"),
    *("set_many", "delete_many", "clear"),
)

_MISSING = object()
_is_inside: ContextVar[bool] = ContextVar("pyrometer_django_cache_inside", default=False)
_lock = Lock()
_patches: Optional[Patches] = None
_metrics: Optional[CacheMetrics] = None
# A backend's class and ours.
_classes: weakref.WeakKeyDictionary[type, type] = weakref.WeakKeyDictionary()


class CacheMetrics:
    """The metrics of the caches, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ("cache_alias", "cache_backend")
        durations = Histogram(
            "django_cache_operation_duration_seconds",
            "Time that operations of Django's caches take",
            (*names, "cache_operation", "error_type"),
            buckets=BUCKETS,
            registry=registry,
        )
        hits = Counter(
            "django_cache_hits", "Keys asked for that were in the cache", names, registry=registry
        )
        misses = Counter(
            "django_cache_misses",
            "Keys asked for that were not in the cache",
            names,
            registry=registry,
        )
        self._durations = Children(durations, 0, 1, 3)
        self._hits = Children(hits, 0, 1)
        self._misses = Children(misses, 0, 1)

    def note(self, cache: Any, operation: str, seconds: float, error: str) -> None:
        """Counts one operation."""
        self._durations.get(*cache._pyrometer, operation, error).observe(seconds)

    def note_keys(self, cache: Any, hits: int, misses: int) -> None:
        """Counts keys that were asked for."""
        if hits:
            self._hits.get(*cache._pyrometer).inc(hits)
        if misses:
            self._misses.get(*cache._pyrometer).inc(misses)


_by_registry: weakref.WeakKeyDictionary[CollectorRegistry, CacheMetrics] = (
    weakref.WeakKeyDictionary()
)


def install(registry: CollectorRegistry) -> None:
    """Begins to measure the caches of this process, into the registry that was given last."""
    global _patches, _metrics
    with _lock:
        metrics = _by_registry.get(registry)
        if metrics is None:
            metrics = _by_registry[registry] = CacheMetrics(registry)
        _metrics = metrics
        if _patches is not None:
            return
        _patches = Patches("django")
    module = import_module("django.core.cache")
    _patches.replace(module.CacheHandler, "create_connection", _measuring)
    for alias in module.caches.settings:
        # Made already, in this thread.
        made = getattr(module.caches._connections, alias, None)
        if made is not None:
            _measure(made, alias)


def _measuring(create: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(create)
    def create_connection(self: Any, alias: str) -> Any:
        cache = create(self, alias)
        _measure(cache, alias)
        return cache

    return create_connection


def _measure(cache: Any, alias: str) -> None:
    """Makes a cache one that is measured; what cannot be stays as it is."""
    try:
        own = type(cache)
        if hasattr(cache, "_pyrometer"):
            return
        with _lock:
            ours = _classes.get(own)
            if ours is None:
                ours = _classes[own] = _subclass(own)
        cache._pyrometer = (str(alias), f"{own.__module__}.{own.__qualname__}")
        cache.__class__ = ours
    except Exception:
        trouble("django.cache")


def _subclass(own: type) -> type:
    # Under the same name: it is shown in messages and logs.
    members: dict[str, Any] = {
        "__module__": own.__module__,
        "__qualname__": own.__qualname__,
        "__doc__": own.__doc__,
        "get": _get(own.get),  # type: ignore[attr-defined]
        "get_many": _get_many(own.get_many),  # type: ignore[attr-defined]
    }
    for operation in _OPERATIONS:
        members[operation] = _timed(operation, getattr(own, operation))
    return type(own.__name__, (own,), members)


def _run(
    cache: Any, operation: str, original: Callable[..., Any], args: Any, kwargs: Any
) -> Any:
    """One operation that is not part of another."""
    token = _is_inside.set(True)
    error_type = ""
    started = perf_counter()
    try:
        return original(cache, *args, **kwargs)
    except BaseException as error:
        error_type = type(error).__name__
        raise
    finally:
        seconds = perf_counter() - started
        _is_inside.reset(token)
        try:
            if _metrics is not None:
                _metrics.note(cache, operation, seconds, error_type)
        except Exception:
            trouble("django.cache")


def _timed(operation: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_inside.get():
            return original(self, *args, **kwargs)
        return _run(self, operation, original, args, kwargs)

    return timed


def _get(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def get(self: Any, key: Any, default: Any = None, *args: Any, **kwargs: Any) -> Any:
        if _is_inside.get():
            return original(self, key, default, *args, **kwargs)
        # What is stored may be None or equal to the default.
        value = _run(self, "get", original, (key, _MISSING, *args), kwargs)
        is_hit = value is not _MISSING
        _note_keys(self, int(is_hit), int(not is_hit))
        return value if is_hit else default

    return get


def _get_many(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def get_many(self: Any, keys: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_inside.get():
            return original(self, keys, *args, **kwargs)
        # They may be an iterator, which can be walked once.
        keys = list(keys)
        found = _run(self, "get_many", original, (keys, *args), kwargs)
        _note_keys(self, len(found), max(len(set(keys)) - len(found), 0))
        return found

    return get_many


def _note_keys(cache: Any, hits: int, misses: int) -> None:
    try:
        if _metrics is not None:
            _metrics.note_keys(cache, hits, misses)
    except Exception:
        trouble("django.cache")
