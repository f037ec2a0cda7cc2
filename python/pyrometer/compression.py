"""The content coding of an answer, as its ``Accept-Encoding`` header wants it."""

from __future__ import annotations

from typing import Optional

# Offered codings, the better one first: it is chosen where a client likes both as much.
CODINGS = ("zstd", "gzip")


def choose_coding(accept_encoding_header: Optional[str]) -> Optional[str]:
    """``zstd``, ``gzip`` or ``None`` for an answer that is sent as it is.

    By RFC 9110: each coding may have a weight ``q`` from 0 to 1, 0 refuses it, and ``*`` stands
    for all that are not named. A weight that is no number refuses the coding.
    """
    weights: dict[str, float] = {}
    for part in (accept_encoding_header or "").lower().split(","):
        name, _, parameter = (text.strip() for text in part.partition(";"))
        # The old name of gzip (RFC 9110, section 8.4.1.3).
        name = "gzip" if name == "x-gzip" else name
        if name:
            weights[name] = _weight(parameter)
    others = weights.get("*", 0.0)
    best, most = None, 0.0
    for coding in CODINGS:
        weight = weights.get(coding, others)
        if weight > most:
            best, most = coding, weight
    return best


def _weight(parameter: str) -> float:
    key, _, value = (text.strip() for text in parameter.partition("="))
    if key != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    # NaN is in no range.
    return weight if 0.0 <= weight <= 1.0 else 0.0
