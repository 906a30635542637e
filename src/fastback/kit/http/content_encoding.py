"""Choose a content encoding that a client accepts (RFC 9110, section 12.5.3)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=64)
def _parse_weights(accepted: bytes) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in accepted.decode("latin-1").lower().split(","):
        name, _, parameter = part.partition(";")
        key, _, value = parameter.partition("=")
        try:
            weights[name.strip()] = float(value) if key.strip() == "q" else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    return weights


def choose_encoding(offered: Iterable[str], accepted: bytes) -> str | None:
    """Return the first of the offered encodings that `Accept-Encoding` allows, or None for no encoding."""
    if not accepted:
        return None
    weights = _parse_weights(accepted)
    default_weight = weights.get("*", 0.0)
    return next((name for name in offered if weights.get(name, default_weight) > 0), None)
