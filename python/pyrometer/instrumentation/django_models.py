"""Django's models: rows inserted, updated and deleted; and migrations, for who asks.

Deletions are what ``Collector.delete`` says it did, cascades included. Django's signal for them is
not used: a listener that hears of every model takes the quick way of deleting from all, and makes
one statement into many.
"""

from __future__ import annotations

import functools
import weakref
from importlib import import_module
from threading import Lock
from typing import Any, Callable, Optional

from ..metrics import Counter, Gauge
from ..outgoing.patching import Patches
from ..registry import CollectorRegistry
from .children import Children
from .guard import trouble

_lock = Lock()
_patches: Optional[Patches] = None
_rows: Optional[Children] = None
_by_registry: weakref.WeakKeyDictionary[CollectorRegistry, Children] = (
    weakref.WeakKeyDictionary()
)
_migrations: weakref.WeakKeyDictionary[CollectorRegistry, Gauge] = weakref.WeakKeyDictionary()


def install(registry: CollectorRegistry) -> None:
    """Begins to count the rows of this process, into the registry that was given last."""
    global _patches, _rows
    with _lock:
        rows = _by_registry.get(registry)
        if rows is None:
            counter = Counter(
                "django_model_rows_changed",
                "Rows that were inserted, updated or deleted through a model",
                ("model", "operation"),
                registry=registry,
            )
            rows = _by_registry[registry] = Children(counter, 0)
        _rows = rows
        if _patches is not None:
            return
        _patches = Patches("django")
    signals = import_module("django.db.models.signals")
    signals.post_save.connect(_note_saved, dispatch_uid="pyrometer")
    query_set = import_module("django.db.models").QuerySet
    # No signal tells of these.
    _patches.replace(query_set, "bulk_create", _noting(_note_bulk_create))
    _patches.replace(query_set, "update", _noting(_note_update))
    collector = import_module("django.db.models.deletion").Collector
    _patches.replace(collector, "delete", _noting(_note_deleted))


def observe_migrations(registry: Optional[CollectorRegistry] = None) -> None:
    """Sets ``django_migrations``: how many migrations of each database are applied or not.

    It asks every database, which takes a while, and the answer holds until it is called again:
    after start-up, or after ``migrate``. A database that cannot be asked is logged and left out.
    """
    if registry is None:
        from .. import REGISTRY

        registry = REGISTRY
    with _lock:
        gauge = _migrations.get(registry)
        if gauge is None:
            gauge = _migrations[registry] = Gauge(
                "django_migrations",
                "Migrations by database and whether they are applied",
                ("db_alias", "state"),
                # Each process asks the same databases, one later than the other.
                multiprocess_mode="mostrecent",
                registry=registry,
            )
    executor = import_module("django.db.migrations.executor").MigrationExecutor
    for connection in import_module("django.db").connections.all():
        try:
            loader = executor(connection).loader
            known, applied = set(loader.graph.nodes), set(loader.applied_migrations)
            gauge.labels(connection.alias, "applied").set(len(known & applied))
            gauge.labels(connection.alias, "unapplied").set(len(known - applied))
        except Exception:
            trouble("django.migrations")


def _noting(note: Callable[[Any, tuple[Any, ...], dict[str, Any], Any], None]) -> Any:
    """Tells of a method's calls that succeeded."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def noting(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            try:
                note(self, args, kwargs, result)
            except Exception:
                trouble("django.models")
            return result

        return noting

    return make


def _note_saved(sender: Any, created: bool = False, **_: Any) -> None:
    try:
        _count(sender._meta.label, "insert" if created else "update", 1)
    except Exception:
        trouble("django.models")


def _note_bulk_create(
    query_set: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> None:
    _count(query_set.model._meta.label, "insert", len(result))


def _note_update(
    query_set: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> None:
    _count(query_set.model._meta.label, "update", result)


def _note_deleted(
    collector: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> None:
    for label, count in result[1].items():
        _count(label, "delete", count)


def _count(label: str, operation: str, rows: Any) -> None:
    if _rows is not None and rows:
        _rows.get(label, operation).inc(rows)
