"""Filling in a task's prompt.

`{{MESSAGES}}`, `{{MESSAGES:START:n}}`, `{{MESSAGES:END:n}}` and `{{MESSAGES:MIDDLETRUNCATE:n}}` stand for the
conversation (`|middletruncate:n` inside cuts each message to n characters), `{{prompt}}`, `{{prompt:start:n}}`,
`{{prompt:end:n}}`, `{{prompt:middletruncate:n}}` for the last question.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

Message = dict[str, Any]

_PROMPT = re.compile(r"{{prompt(?::(start|end|middletruncate):(\d+))?}}", re.IGNORECASE)
_MESSAGES = re.compile(r"{{MESSAGES(?::(START|END|MIDDLETRUNCATE):(\d+))?(?:\|middletruncate:(\d+))?}}")
_DETAILS = re.compile(
    r"<details\b[^<>]*>(?:(?!<details\b).)*?</details>|!\[[^\[\]]*\]\([^()]*\)", re.DOTALL | re.IGNORECASE
)


def middle(text: str, most: int) -> str:
    """The text with its middle left out, so that `most` characters remain."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}...{text[-(most - half) :] if most - half else ''}"


def plain(message: Message) -> str:
    """A message's text without pictures and folded details."""
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return _DETAILS.sub("", content).strip() if isinstance(content, str) else ""


def last_question(messages: list[Message]) -> str:
    return next((plain(one) for one in reversed(messages) if one.get("role") == "user"), "")


def _conversation(messages: list[Message], each: int | None) -> str:
    lines = []
    for message in messages:
        text = plain(message)
        lines.append(f"{str(message.get('role', 'user')).upper()}: {middle(text, each) if each else text}")
    return "\n".join(lines)


def render(template: str, messages: list[Message], *, user_name: str = "", **more: str) -> str:
    """The prompt; `more` names further variables, as they stand in the template."""
    question = last_question(messages)

    def prompt(match: re.Match[str]) -> str:
        way, size = (match.group(1) or "").lower(), int(match.group(2) or 0)
        if way == "start":
            return question[:size]
        if way == "end":
            return question[-size:] if size else ""
        return middle(question, size) if way else question

    def conversation(match: re.Match[str]) -> str:
        way, size = match.group(1), int(match.group(2) or 0)
        each = int(match.group(3)) if match.group(3) else None
        if way == "START":
            return _conversation(messages[:size], each)
        if way == "END":
            return _conversation(messages[-size:] if size else [], each)
        if way == "MIDDLETRUNCATE" and len(messages) > size:
            half = size // 2
            return "\n".join(
                [_conversation(messages[: size - half], each), "...", _conversation(messages[-half:], each)]
                if half
                else [_conversation(messages[:size], each)]
            )
        return _conversation(messages, each)

    now = datetime.datetime.now()
    known = {
        "CURRENT_DATE": now.strftime("%Y-%m-%d"),
        "CURRENT_TIME": now.strftime("%I:%M:%S %p"),
        "CURRENT_WEEKDAY": now.strftime("%A"),
        "USER_NAME": user_name or "Unknown",
        "USER_LOCATION": "Unknown",
        **more,
    }
    for name, value in known.items():
        template = template.replace("{{" + name + "}}", value)
    return _MESSAGES.sub(conversation, _PROMPT.sub(prompt, template))
