"""A view that serves metrics."""

from __future__ import annotations

from typing import Any, Optional

from django.http import HttpRequest, HttpResponse
from django.views import View

from ...exposition import _bake_output
from ...registry import REGISTRY


class PrometheusDjangoView(View):  # type: ignore[misc, unused-ignore]
    """Serves a registry: ``path("metrics", PrometheusDjangoView.as_view())``.

    ``multiprocess_mode`` is taken and not needed: the sum over all processes is what is served.
    """

    multiprocess_mode: bool = False
    registry: Optional[Any] = None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The metrics."""
        names = request.GET.getlist("name[]")
        _, headers, output = _bake_output(
            self.registry or REGISTRY,
            request.headers.get("Accept"),
            request.headers.get("Accept-Encoding"),
            {"name[]": names} if names else {},
            disable_compression=False,
        )
        return HttpResponse(output, status=200, headers=dict(headers))

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The methods there are."""
        return HttpResponse(status=200, headers={"Allow": "OPTIONS,GET"})
