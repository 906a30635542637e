"""Filling in a task's prompt.

`{{MESSAGES}}`, `{{MESSAGES:START:n}}`, `{{MESSAGES:END:n}}` and `{{MESSAGES:MIDDLETRUNCATE:n}}` stand for the
conversation: all of it, its first, its last, its first and last messages. `|start:n`, `|end:n` or `|middletruncate:n`
before the closing braces cuts each message to n characters; `{{COMPACTED_MESSAGES}}` and `{{RECENT_MESSAGES}}` name
parts of the conversation alike. `{{prompt}}`, `{{prompt:start:n}}`, `{{prompt:end:n}}` and
`{{prompt:middletruncate:n}}` stand for the last question. Dates, names and whatever else a caller names are filled in
too; any other pair of braces stays. Everything is filled in at once: what people wrote is never read as a template.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

Message = dict[str, Any]

_VARIABLE = re.compile(
    r"""{{(?:
          (?P<prompt>prompt)(?::(?P<cut>start|end|middletruncate):(?P<most>\d+))?
        | (?P<list>(?:COMPACTED_|RECENT_)?MESSAGES)
          (?::(?P<which>START|END|MIDDLETRUNCATE):(?P<count>\d+))?(?:\|(?P<way>\w+):(?P<each>\d+))?
        | (?P<name>\w+)
    )}}""",
    re.VERBOSE,
)
_DETAILS = re.compile(
    r"<details\b[^<>]*>(?:(?!<details\b).)*?</details>|!\[[^\[\]]*\]\([^()]*\)", re.DOTALL | re.IGNORECASE
)


def middle(text: str, most: int, *, longer_start: bool = False) -> str:
    """The text with its middle left out, so that `most` characters of it remain, of an odd one more at the end."""
    if len(text) <= most:
        return text
    first = (most + 1) // 2 if longer_start else most // 2
    return f"{text[:first]}...{text[len(text) - (most - first) :]}"


def plain(message: Message) -> str:
    """A message's text without pictures and folded details; where it has none, that of its output items."""
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    if not content:
        content = _output(message.get("output"))
    return _DETAILS.sub("", content).strip() if isinstance(content, str) else ""


def _output(items: Any) -> str:
    """The text of the messages among output items in the shape of the OpenAI Responses API."""
    found = []
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("type") == "message" and isinstance(item.get("content"), list):
            parts = item["content"]
            found.append("".join(str(one["text"]) for one in parts if isinstance(one, dict) and one.get("text")))
    return "\n".join(one for one in found if one.strip())


def last_question(messages: list[Message]) -> str:
    return next((plain(one) for one in reversed(messages) if one.get("role") == "user"), "")


def _cut(text: str, way: str | None, most: int, *, longer_start: bool = False) -> str:
    if way == "start":
        return text[:most]
    if way == "end":
        return text[max(0, len(text) - most) :]
    if way == "middletruncate":
        return middle(text, most, longer_start=longer_start) if most else ""
    return text


def _chosen(messages: list[Message], which: str | None, count: int) -> list[Message]:
    if which == "START":
        return messages[:count]
    if which == "END":
        return messages[max(0, len(messages) - count) :]
    if which == "MIDDLETRUNCATE" and len(messages) > count:
        first = count // 2
        return messages[:first] + messages[len(messages) - (count - first) :]
    return messages


def _conversation(messages: list[Message], way: str | None, each: int) -> str:
    return "\n".join(
        f"{str(message.get('role', 'user')).upper()}: {_cut(plain(message), way, each)}" for message in messages
    )


def render(
    template: str,
    messages: list[Message],
    *,
    prompt: str | None = None,
    user_name: str = "",
    lists: dict[str, list[Message]] | None = None,
    **more: str,
) -> str:
    """The prompt; `prompt` stands for the last question of `messages`, `lists` names parts of the conversation, `more`
    further variables."""
    conversations = {"MESSAGES": messages, **(lists or {})}
    question = last_question(messages) if prompt is None else prompt
    now = datetime.datetime.now()
    date, clock = now.strftime("%Y-%m-%d"), now.strftime("%I:%M:%S %p")
    known = {
        "CURRENT_DATE": date,
        "CURRENT_TIME": clock,
        "CURRENT_DATETIME": f"{date} {clock}",
        "CURRENT_WEEKDAY": now.strftime("%A"),
        "USER_NAME": user_name or "Unknown",
        **{f"USER_{name}": "Unknown" for name in ("EMAIL", "BIO", "GENDER", "BIRTH_DATE", "AGE", "LOCATION")},
        "USER_GROUPS": "",
        **more,
    }

    def value(match: re.Match[str]) -> str:
        if match["prompt"] is not None:
            return _cut(question, match["cut"], int(match["most"] or 0), longer_start=True)
        if match["list"] is not None and match["list"] in conversations:
            way = (match["way"] or "").lower()
            chosen = _chosen(conversations[match["list"]], match["which"], int(match["count"] or 0))
            return _conversation(chosen, way, int(match["each"] or 0))
        if match["name"] is None:
            return match[0]
        return known.get(match["name"], match[0])

    # The question is asked for in any capitals, its ways of cutting too.
    template = re.sub(r"{{prompt(?::\w+:\d+)?}}", lambda found: found[0].lower(), template, flags=re.IGNORECASE)
    return _VARIABLE.sub(value, template)
