"""Passages before a question: `<source>` elements in the template that an administrator may write."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import msgspec

from fastback.completions.tasks.templates import render_prompt
from fastback.config.keys.retrieval import DEFAULT_TEMPLATE
from fastback.features.prompts import system_messages

Message = dict[str, Any]


class Source(msgspec.Struct, omit_defaults=True):
    """An item with its passages, as the page shows it below an answer: three lists side by side.

    Attributes:
        distances: how well each passage fits the question, from 0 to 1; None for what was read whole.
        tool_result: whether it is the result of a tool.
    """

    source: dict[str, Any]
    document: list[str]
    metadata: list[dict[str, Any]]
    distances: list[float] | None = None
    tool_result: bool = False


def find_citation_id(source: Source, metadata: dict[str, Any]) -> str:
    """Return what a passage is cited by; passages with the same citation id share a number."""
    return str(metadata.get("source") or source.source.get("id") or "N/A")


def count_citations(sources: Iterable[Source]) -> int:
    """Return how many different citation ids the passages have."""
    return len({find_citation_id(source, metadata) for source in sources for metadata in source.metadata})


def format_passages(sources: Iterable[Source], keys: Iterable[str] = ()) -> str:
    """Return the passages as numbered `<source>` elements; `keys` names metadata that becomes attributes too."""
    numbers: dict[str, int] = {}
    metadata_keys = [key for key in keys if key not in ("id", "name", "resource-type", "resource-id")]
    elements: list[str] = []
    for source in sources:
        item = source.source
        for text, metadata in zip(source.document, source.metadata, strict=True):
            number = numbers.setdefault(find_citation_id(source, metadata), len(numbers) + 1)
            attributes = {
                "name": item.get("name"),
                "resource-type": item.get("type"),
                "resource-id": item.get("id") if item.get("type") != "text" else None,
            }
            element = f'<source id="{number}"'
            for name, value in attributes.items():
                if value:
                    element += f' {name}="' + str(value).replace('"', "&quot;") + '"'
            for key in metadata_keys:
                if metadata.get(key) is not None:
                    element += f' {key}="{html.escape(str(metadata[key]))}"'
            elements.append(f"{element}>{text}</source>\n")
    return "".join(elements)


def render_template(template: str, passages: str, question: str) -> str:
    """Return the template with passages and question filled in, in one pass: neither is ever read as a template."""
    template = template if template.strip() else DEFAULT_TEMPLATE
    template = template.replace("[context]", "{{CONTEXT}}").replace("[query]", "{{QUERY}}")
    return render_prompt(template, [], CONTEXT=passages, QUERY=question)


def insert_passages(messages: list[Message], text: str, *, in_system_prompt: bool) -> list[Message]:
    """Return the messages with `text` before the last question, or after the system prompt."""
    if in_system_prompt:
        return system_messages.add_system_text(messages, text, append=True)
    index = next((n for n in reversed(range(len(messages))) if messages[n].get("role") == "user"), None)
    if index is None:
        return [*messages, {"role": "user", "content": text}]
    question = messages[index]
    content = question.get("content")
    if isinstance(content, list):
        content = [dict(part) if isinstance(part, dict) else part for part in content]
        text_part = next((part for part in content if isinstance(part, dict) and part.get("type") == "text"), None)
        if text_part is None:
            content.insert(0, {"type": "text", "text": text})
        else:
            text_part["text"] = f"{text}\n{text_part.get('text') or ''}"
    else:
        content = f"{text}\n{content or ''}"
    return [*messages[:index], {**question, "content": content}, *messages[index + 1 :]]
