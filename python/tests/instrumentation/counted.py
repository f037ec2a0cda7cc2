"""What a registry says was counted, in a form that a test can hold against what it expects."""

from __future__ import annotations

from typing import Any

DURATION = "http_server_request_duration_seconds"
LABELS = ("http_request_method", "http_route", "http_response_status_code", "error_type")


def samples(registry: Any, name: str, labels: tuple[str, ...]) -> dict[tuple[str, ...], float]:
    """Values of the samples with this name, by the values of these labels; the zeros left out."""
    return {
        tuple(sample.labels.get(label, "") for label in labels): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name and sample.value
    }


def requests(registry: Any) -> dict[tuple[str, ...], float]:
    """How many requests, by method, route, status and error."""
    return samples(registry, f"{DURATION}_count", LABELS)


def seconds(registry: Any) -> float:
    """The sum of all durations."""
    return sum(samples(registry, f"{DURATION}_sum", LABELS).values())


def active(registry: Any) -> float:
    """Requests in progress."""
    return sum(samples(registry, "http_server_active_requests", LABELS[:1]).values())
