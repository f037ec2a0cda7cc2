"""``/metrics``, to be included by an application's own URLs."""

from __future__ import annotations

from django.urls import path

from ..client.django import PrometheusDjangoView

urlpatterns = [path("metrics", PrometheusDjangoView.as_view(), name="pyrometer-metrics")]
