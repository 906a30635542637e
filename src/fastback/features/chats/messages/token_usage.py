"""Token counts of answers, whichever way a provider spells them."""

from __future__ import annotations

import math
from typing import Any

Usage = dict[str, Any]


def _find_count(usage: Usage, *names: str) -> int:
    """The first of these counts that is one: imported chats may hold anything."""
    given = (usage.get(name) for name in names)
    return int(next((one for one in given if isinstance(one, (int, float)) and one and math.isfinite(one)), 0))


def normalize_usage(usage: Any) -> Usage | None:
    """Token counts as `input_tokens`, `output_tokens`, `total_tokens` beside whatever the provider reported."""
    if not isinstance(usage, dict) or not usage:
        return None
    given_in = _find_count(usage, "input_tokens", "prompt_tokens", "prompt_eval_count")
    given_in = given_in or _find_count(usage, "prompt_n") + _find_count(usage, "cache_n")
    given_out = _find_count(usage, "output_tokens", "completion_tokens", "eval_count", "predicted_n")
    return {
        **usage,
        "input_tokens": given_in,
        "output_tokens": given_out,
        "total_tokens": _find_count(usage, "total_tokens") or given_in + given_out,
    }


_ADDED = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cost",
    "total_cost",
    "input_cost",
    "output_cost",
    "prompt_cost",
    "completion_cost",
)
_DETAILS = ("prompt_tokens_details", "completion_tokens_details", "input_tokens_details", "output_tokens_details")


def _add_counts(left: Any, right: Any) -> Any:
    """Counts added up, at any depth; what is no count is the newer one's."""
    if isinstance(left, dict) or isinstance(right, dict):
        left, right = (one if isinstance(one, dict) else {} for one in (left, right))
        return {key: _add_counts(left.get(key), right.get(key)) for key in {**left, **right}}
    counts = [one for one in (left, right) if isinstance(one, (int, float)) and not isinstance(one, bool)]
    return sum(counts) if counts else (left if right is None else right)


def add_usage(before: Usage, new: Usage) -> Usage:
    """Two normalised usages as one: tokens and costs are added, of the providers' own names the newer counts."""
    found = {**before, **new}
    for name in _ADDED:
        if name in before or name in new:
            found[name] = _add_counts(before.get(name), new.get(name))
    for name in _DETAILS:
        if isinstance(before.get(name), dict) or isinstance(new.get(name), dict):
            found[name] = _add_counts(before.get(name), new.get(name))
    found["prompt_tokens"] = new.get("prompt_tokens") or new.get("input_tokens") or before.get("prompt_tokens", 0)
    found["completion_tokens"] = (
        new.get("completion_tokens") or new.get("output_tokens") or before.get("completion_tokens", 0)
    )
    return found


def count_spent_tokens(usage: Any) -> int:
    """Tokens of question and answer together, 0 where nothing is known."""
    if not isinstance(usage, dict):
        return 0
    asked = _find_count(usage, "prompt_tokens", "prompt_eval_count") or _find_count(usage, "prompt_n") + _find_count(
        usage, "cache_n"
    )
    asked = asked or _find_count(usage, "input_tokens")
    return asked + _find_count(usage, "completion_tokens", "output_tokens", "eval_count", "predicted_n")
