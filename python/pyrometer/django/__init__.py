"""Django, by one line in the settings:

    INSTALLED_APPS = ["pyrometer.django", ...]

Requests, databases, caches and models are measured, into the default registry, whoever serves:
``runserver``, the test client, a WSGI or ASGI server. ``pyrometer.init(application)`` does the same
for one application; with both, everything is counted once. To serve the metrics:

    urlpatterns = [path("", include("pyrometer.django.urls")), ...]  # /metrics
"""

from __future__ import annotations

from ..instrumentation.django_models import observe_migrations

__all__ = ("observe_migrations",)
