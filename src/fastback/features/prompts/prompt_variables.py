"""System prompts: the variables they may contain, and where they stand among the messages."""

from __future__ import annotations

import datetime
import re
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.kit.db import Database

Message = dict[str, Any]

_CHAT_VARIABLE = re.compile(r"{{\s*chat\.variables\.([^\s|}]+)(?:\s*\|\s*([^}]*))?\s*}}")
_USER_VARIABLE = re.compile(r"{{\s*user\.variables\.([^\s|}]+)(?:\s*\|\s*([^}]*))?\s*}}")
_DEFAULT = re.compile(r'default\s*=\s*"((?:[^"\\]|\\.)*)"')


class _Profile(msgspec.Struct):
    bio: str | None
    gender: str | None
    date_of_birth: datetime.date | None
    info: dict[str, Any] | None
    variables: dict[str, Any] | None


_PROFILE = 'SELECT bio, gender, date_of_birth, info, variables FROM "user" WHERE id = :user_id'
_GROUPS = """SELECT g.name FROM "group" g JOIN group_member m ON m.group_id = g.id
             WHERE m.user_id = :user_id ORDER BY g.updated_at DESC, g.id"""


def _named(pattern: re.Pattern[str], text: str, values: dict[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        found = values.get(match.group(1))
        if found is None or found == "":
            default = _DEFAULT.search(match.group(2) or "")
            return default.group(1) if default else ""
        return found if isinstance(found, str) else msgspec.json.encode(found).decode()

    return pattern.sub(value, text)


def _age(born: datetime.date, today: datetime.date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


async def resolve(
    db: Database,
    text: str,
    user: User,
    *,
    variables: dict[str, Any] | None = None,
    chat_variables: dict[str, Any] | None = None,
) -> str:
    """The prompt with its variables filled in: what the page sent (`variables`), then dates and the user's profile.

    Nothing is looked up for a prompt that has no variables.
    """
    if "{{" not in text:
        return text
    text = _named(_CHAT_VARIABLE, text, chat_variables or {})
    for name, value in (variables or {}).items():
        text = text.replace(name, str(value))
    if "{{" not in text:
        return text
    now = datetime.datetime.now()
    date, clock = now.strftime("%Y-%m-%d"), now.strftime("%I:%M:%S %p")
    known = {
        "{{CURRENT_DATE}}": date,
        "{{CURRENT_TIME}}": clock,
        "{{CURRENT_DATETIME}}": f"{date} {clock}",
        "{{CURRENT_WEEKDAY}}": now.strftime("%A"),
        "{{USER_NAME}}": user.name,
        "{{USER_EMAIL}}": user.email,
    }
    for name, value in known.items():
        text = text.replace(name, value)
    if "{{" in text:
        text = await _with_profile(db, text, user, now.date())
    return text


async def _with_profile(db: Database, text: str, user: User, today: datetime.date) -> str:
    profile = await db.fetch_first(_Profile, "prompt.profile", _PROFILE, user_id=user.id)
    if profile is None:
        return text
    text = _named(_USER_VARIABLE, text, profile.variables or {})
    born = profile.date_of_birth
    known = {
        "{{USER_BIO}}": str(profile.bio),
        "{{USER_GENDER}}": str(profile.gender),
        "{{USER_BIRTH_DATE}}": str(born),
        "{{USER_AGE}}": str(_age(born, today) if born else None),
        "{{USER_LOCATION}}": str((profile.info or {}).get("location")),
    }
    for name, value in known.items():
        text = text.replace(name, value)
    if "{{USER_GROUPS}}" in text:
        groups = await db.fetch_all(str, "prompt.groups", _GROUPS, user_id=user.id)
        text = text.replace("{{USER_GROUPS}}", ", ".join(groups))
    return text


def text_of(message: Message) -> str:
    """The text of a message whose content is a text or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return ""


def system_of(messages: list[Message]) -> Message | None:
    return next((one for one in messages if one.get("role") == "system"), None)


def with_system(messages: list[Message], text: str, *, append: bool = False) -> list[Message]:
    """The messages with `text` in front of the system message's (behind it with `append`), or as a new one."""
    if not text:
        return messages
    if messages and messages[0].get("role") == "system":
        known = text_of(messages[0])
        joined = f"{known}\n{text}" if append else f"{text}\n{known}"
        return [{**messages[0], "content": joined}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def replace_system(messages: list[Message], text: str) -> list[Message]:
    """The messages with the system message's text replaced."""
    return [{**one, "content": text} if one.get("role") == "system" else one for one in messages]
