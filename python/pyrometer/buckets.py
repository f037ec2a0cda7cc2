"""The buckets of a histogram, as a caller gives them."""

from __future__ import annotations

from typing import Optional, Sequence, Union

from .utils import INF


def native_parameters(
    factor: Optional[float], max_bucket_number: int, zero_threshold: float
) -> Optional[tuple[float, int, float]]:
    """What makes a histogram native; ``ValueError`` for what cannot."""
    if factor is None:
        return None
    if not 1 <= max_bucket_number <= 4096:
        raise ValueError("native_histogram_max_bucket_number must be from 1 to 4096")
    if not 1 < factor < INF:
        raise ValueError("native_histogram_bucket_factor must be above 1")
    if not 0 <= zero_threshold < INF:
        raise ValueError("native_histogram_zero_threshold must be from 0 on")
    return float(factor), int(max_bucket_number), float(zero_threshold)


def upper_bounds(buckets: Sequence[Union[float, str]]) -> list[float]:
    """Bounds of buckets, the last one infinite; ``ValueError`` for what are none."""
    bounds = [float(bound) for bound in buckets]
    if bounds != sorted(bounds):
        # More likely a mistake than a wish to have them sorted.
        raise ValueError("Buckets not in sorted order")
    if bounds and bounds[-1] != INF:
        bounds.append(INF)
    if len(bounds) < 2:
        raise ValueError("Must have at least two buckets")
    return bounds
