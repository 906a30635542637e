"""Templates of prompts: `{{NAME}}` is replaced by a variable, by the conversation, or by the last question.

`{{MESSAGES}}`, `{{MESSAGES:START:n}}`, `{{MESSAGES:END:n}}` and `{{MESSAGES:MIDDLETRUNCATE:n}}` stand for the
conversation: all of it, its first, its last, its first and last messages. `|start:n`, `|end:n` or `|middletruncate:n`
before the closing braces cuts each message to n characters. `{{COMPACTED_MESSAGES}}` and `{{RECENT_MESSAGES}}` name
parts of the conversation, with the same options. `{{prompt}}`, `{{prompt:start:n}}`, `{{prompt:end:n}}` and
`{{prompt:middletruncate:n}}` stand for the last question. Dates, names and the variables of a caller are replaced too;
any other pair of braces stays. Everything is replaced in one pass: text that people wrote is never read as a template.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

Message = dict[str, Any]

_VARIABLE = re.compile(
    r"""{{(?:
          (?P<prompt>prompt)(?::(?P<prompt_cut>start|end|middletruncate):(?P<prompt_length>\d{1,18}))?
        | (?P<list>(?:COMPACTED_|RECENT_)?MESSAGES)
          (?::(?P<selection>START|END|MIDDLETRUNCATE):(?P<count>\d{1,18}))?(?:\|(?P<message_cut>\w+):(?P<message_length>\d{1,18}))?
        | (?P<name>\w+)
    )}}""",
    re.VERBOSE,
)
_DETAILS = re.compile(
    r"<details\b[^<>]*>(?:(?!<details\b).)*?</details>|!\[[^\[\]]*\]\([^()]*\)", re.DOTALL | re.IGNORECASE
)
#: `{{prompt}}` in any case; its way of cutting too.
_PROMPT = re.compile(r"{{prompt(?::\w+:\d+)?}}", re.IGNORECASE)


def cut_middle(text: str, length: int, *, longer_start: bool = False) -> str:
    """Cut the middle of a text so that `length` characters remain; of an odd number one more at the end, or start."""
    if len(text) <= length:
        return text
    start = (length + 1) // 2 if longer_start else length // 2
    return f"{text[:start]}...{text[len(text) - (length - start) :]}"


def plain_text(message: Message) -> str:
    """Return a message's text without images and folded details; that of its output items where it has no text."""
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    if not content:
        content = _join_output(message.get("output"))
    return _DETAILS.sub("", content).strip() if isinstance(content, str) else ""


def _join_output(items: Any) -> str:
    """Return the text of the messages among output items in the shape of the OpenAI Responses API."""
    texts = []
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("type") == "message" and isinstance(item.get("content"), list):
            parts = item["content"]
            texts.append("".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text")))
    return "\n".join(text for text in texts if text.strip())


def find_last_question(messages: list[Message]) -> str:
    """Return the plain text of the last question; empty if no message is a question."""
    return next((plain_text(message) for message in reversed(messages) if message.get("role") == "user"), "")


def _cut(text: str, mode: str | None, length: int, *, longer_start: bool = False) -> str:
    if mode == "start":
        return text[:length]
    if mode == "end":
        return text[max(0, len(text) - length) :]
    if mode == "middletruncate":
        return cut_middle(text, length, longer_start=longer_start) if length else ""
    return text


def _select_messages(messages: list[Message], mode: str | None, count: int) -> list[Message]:
    if mode == "START":
        return messages[:count]
    if mode == "END":
        return messages[max(0, len(messages) - count) :]
    if mode == "MIDDLETRUNCATE" and len(messages) > count:
        start = count // 2
        return messages[:start] + messages[len(messages) - (count - start) :]
    return messages


def _format_messages(messages: list[Message], mode: str | None, length: int) -> str:
    return "\n".join(
        f"{str(message.get('role', 'user')).upper()}: {_cut(plain_text(message), mode, length)}" for message in messages
    )


def render_prompt(
    template: str,
    messages: list[Message],
    *,
    prompt: str | None = None,
    user_name: str = "",
    lists: dict[str, list[Message]] | None = None,
    **variables: str,
) -> str:
    """Render a template.

    Args:
        prompt: replaces the last question of `messages`.
        lists: parts of the conversation by the names that the template may give them.
        variables: further variables.
    """
    conversations = {"MESSAGES": messages, **(lists or {})}
    question = find_last_question(messages) if prompt is None else prompt
    now = datetime.datetime.now()
    date, clock = now.strftime("%Y-%m-%d"), now.strftime("%I:%M:%S %p")
    values = {
        "CURRENT_DATE": date,
        "CURRENT_TIME": clock,
        "CURRENT_DATETIME": f"{date} {clock}",
        "CURRENT_WEEKDAY": now.strftime("%A"),
        "USER_NAME": user_name or "Unknown",
        **{f"USER_{name}": "Unknown" for name in ("EMAIL", "BIO", "GENDER", "BIRTH_DATE", "AGE", "LOCATION")},
        "USER_GROUPS": "",
        **variables,
    }

    def render_variable(match: re.Match[str]) -> str:
        if match["prompt"] is not None:
            return _cut(question, match["prompt_cut"], int(match["prompt_length"] or 0), longer_start=True)
        if match["list"] is not None and match["list"] in conversations:
            selected = _select_messages(conversations[match["list"]], match["selection"], int(match["count"] or 0))
            return _format_messages(selected, (match["message_cut"] or "").lower(), int(match["message_length"] or 0))
        if match["name"] is None:
            return match[0]
        return values.get(match["name"], match[0])

    return _VARIABLE.sub(render_variable, _PROMPT.sub(lambda match: match[0].lower(), template))
