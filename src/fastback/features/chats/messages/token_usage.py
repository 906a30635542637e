"""Token counts of answers, in the spellings of all providers."""

from __future__ import annotations

from typing import Any

Usage = dict[str, Any]

#: Sums over all messages stay within 64 bits.
_MOST_TOKENS = 10**12


def _find_count(usage: Usage, *names: str) -> int:
    """Return the first of these counts that is plausible, else 0: model servers and imported chats have any value."""
    counts = (usage.get(name) for name in names)
    return int(
        next((count for count in counts if isinstance(count, (int, float)) and 0 < abs(count) <= _MOST_TOKENS), 0)
    )


def normalize_usage(usage: Any) -> Usage | None:
    """Return the usage with `input_tokens`, `output_tokens` and `total_tokens` beside the provider's own fields."""
    if not isinstance(usage, dict) or not usage:
        return None
    input_tokens = _find_count(usage, "input_tokens", "prompt_tokens", "prompt_eval_count")
    input_tokens = input_tokens or _find_count(usage, "prompt_n") + _find_count(usage, "cache_n")
    output_tokens = _find_count(usage, "output_tokens", "completion_tokens", "eval_count", "predicted_n")
    return {
        **usage,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "total_tokens": _find_count(usage, "total_tokens") or input_tokens + output_tokens,
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


def _add_counts(first: Any, second: Any) -> Any:
    """Add counts at any depth; a value that is not a number is replaced by the newer one."""
    if isinstance(first, dict) or isinstance(second, dict):
        first, second = (value if isinstance(value, dict) else {} for value in (first, second))
        return {key: _add_counts(first.get(key), second.get(key)) for key in {**first, **second}}
    counts = [value for value in (first, second) if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return sum(counts) if counts else (first if second is None else second)


def add_usage(older: Usage, newer: Usage) -> Usage:
    """Add two normalized usages: sum tokens and costs, and take the provider's own fields from the newer one."""
    total = {**older, **newer}
    for name in _ADDED:
        if name in older or name in newer:
            total[name] = _add_counts(older.get(name), newer.get(name))
    for name in _DETAILS:
        if isinstance(older.get(name), dict) or isinstance(newer.get(name), dict):
            total[name] = _add_counts(older.get(name), newer.get(name))
    total["prompt_tokens"] = newer.get("prompt_tokens") or newer.get("input_tokens") or older.get("prompt_tokens", 0)
    total["completion_tokens"] = (
        newer.get("completion_tokens") or newer.get("output_tokens") or older.get("completion_tokens", 0)
    )
    return total


def count_spent_tokens(usage: Any) -> int:
    """Return the tokens of the question and the answer together; 0 if unknown."""
    if not isinstance(usage, dict):
        return 0
    question_tokens = _find_count(usage, "prompt_tokens", "prompt_eval_count") or _find_count(
        usage, "prompt_n"
    ) + _find_count(usage, "cache_n")
    question_tokens = question_tokens or _find_count(usage, "input_tokens")
    return question_tokens + _find_count(usage, "completion_tokens", "output_tokens", "eval_count", "predicted_n")
