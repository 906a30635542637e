"""Passages put before a question: `<source>` elements in the template that an administrator may write."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import msgspec

from fastback.completions.tasks.templates import render
from fastback.config.keys.retrieval import DEFAULT_TEMPLATE
from fastback.features.prompts import prompt_variables

Message = dict[str, Any]


class Source(msgspec.Struct, omit_defaults=True):
    """An item with its passages, as the page shows it below an answer: three lists side by side.

    Attributes:
        distances: how well each passage fits, from 0 to 1; None for what was read whole.
    """

    source: dict[str, Any]
    document: list[str]
    metadata: list[dict[str, Any]]
    distances: list[float] | None = None


def source_id(source: Source, metadata: dict[str, Any]) -> str:
    """What a passage is cited by: passages with the same share a number."""
    return str(metadata.get("source") or source.source.get("id") or "N/A")


def count(sources: Iterable[Source]) -> int:
    """How many different things passages come from."""
    return len({source_id(source, one) for source in sources for one in source.metadata})


def elements(sources: Iterable[Source], keys: Iterable[str] = ()) -> str:
    """The passages as `<source>` elements with their numbers; `keys` names metadata that is shown besides."""
    numbers: dict[str, int] = {}
    shown = [key for key in keys if key not in ("id", "name", "resource-type", "resource-id")]
    found: list[str] = []
    for source in sources:
        about = source.source
        for text, metadata in zip(source.document, source.metadata, strict=True):
            number = numbers.setdefault(source_id(source, metadata), len(numbers) + 1)
            attributes = {
                "name": about.get("name"),
                "resource-type": about.get("type"),
                "resource-id": about.get("id") if about.get("type") != "text" else None,
            }
            element = f'<source id="{number}"'
            for name, value in attributes.items():
                if value:
                    element += f' {name}="' + str(value).replace('"', "&quot;") + '"'
            for key in shown:
                if metadata.get(key) is not None:
                    element += f' {key}="{html.escape(str(metadata[key]))}"'
            found.append(f"{element}>{text}</source>\n")
    return "".join(found)


def rendered(template: str, context: str, question: str) -> str:
    """The template with passages and question in their places, all at once: neither is ever read as a template."""
    template = template if template.strip() else DEFAULT_TEMPLATE
    template = template.replace("[context]", "{{CONTEXT}}").replace("[query]", "{{QUERY}}")
    return render(template, [], CONTEXT=context, QUERY=question)


def put(messages: list[Message], text: str, *, in_system: bool) -> list[Message]:
    """The messages with `text` before the last question, or behind the system prompt (`in_system`)."""
    if in_system:
        return prompt_variables.add_system_text(messages, text, append=True)
    place = next((n for n in reversed(range(len(messages))) if messages[n].get("role") == "user"), None)
    if place is None:
        return [*messages, {"role": "user", "content": text}]
    question = messages[place]
    content = question.get("content")
    if isinstance(content, list):
        content = [dict(part) if isinstance(part, dict) else part for part in content]
        first = next((part for part in content if isinstance(part, dict) and part.get("type") == "text"), None)
        if first is None:
            content.insert(0, {"type": "text", "text": text})
        else:
            first["text"] = f"{text}\n{first.get('text') or ''}"
    else:
        content = f"{text}\n{content or ''}"
    return [*messages[:place], {**question, "content": content}, *messages[place + 1 :]]
