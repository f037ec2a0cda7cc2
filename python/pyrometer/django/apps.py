"""What Django does with ``pyrometer.django`` among the installed applications."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

from ..instrumentation.guard import trouble


class PyrometerConfig(AppConfig):  # type: ignore[misc,unused-ignore]
    """Puts the middleware in front of the others, and hooks databases, caches and models."""

    name = "pyrometer.django"
    label = "pyrometer"
    verbose_name = "Pyrometer"

    def ready(self) -> None:
        """Called once all models are there, and before any handler has read the middleware."""
        from .. import REGISTRY
        from ..instrumentation import django

        try:
            django.prepare(REGISTRY)
            settings = import_module("django.conf").settings
            if django.MIDDLEWARE not in settings.MIDDLEWARE:
                settings.MIDDLEWARE = [django.MIDDLEWARE, *settings.MIDDLEWARE]
        except Exception:
            trouble("django")
