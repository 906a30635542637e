"""Fill in the variables of a system prompt."""

from __future__ import annotations

import datetime
import re
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.features.prompts import profile_store
from fastback.kit.db import Database

_CHAT_VARIABLE = re.compile(r"{{\s*chat\.variables\.([^\s|}]+)(?:\s*\|\s*([^}]*))?\s*}}")
_USER_VARIABLE = re.compile(r"{{\s*user\.variables\.([^\s|}]+)(?:\s*\|\s*([^}]*))?\s*}}")
_DEFAULT = re.compile(r'default\s*=\s*"((?:[^"\\]|\\.)*)"')


def _replace_variables(pattern: re.Pattern[str], text: str, values: dict[str, Any]) -> str:
    """Replace each match of the pattern by the value of its name, else by the default it states, else by nothing."""

    def replace_match(match: re.Match[str]) -> str:
        replacement = values.get(match.group(1))
        if replacement is None or replacement == "":
            default = _DEFAULT.search(match.group(2) or "")
            return default.group(1) if default else ""
        return replacement if isinstance(replacement, str) else msgspec.json.encode(replacement).decode()

    return pattern.sub(replace_match, text)


def _compute_age(date_of_birth: datetime.date, today: datetime.date) -> int:
    return today.year - date_of_birth.year - ((today.month, today.day) < (date_of_birth.month, date_of_birth.day))


async def resolve_variables(
    db: Database,
    text: str,
    user: User,
    *,
    variables: dict[str, Any] | None = None,
    chat_variables: dict[str, Any] | None = None,
) -> str:
    """Return the prompt with its variables filled in: those that the page sent, then dates and the user's profile.

    `variables` maps each variable, braces included, to its value. A prompt without variables reads nothing from the
    database.
    """
    if "{{" not in text:
        return text
    text = _replace_variables(_CHAT_VARIABLE, text, chat_variables or {})
    for name, value in (variables or {}).items():
        text = text.replace(name, str(value))
    if "{{" not in text:
        return text
    now = datetime.datetime.now()
    date, clock = now.strftime("%Y-%m-%d"), now.strftime("%I:%M:%S %p")
    values = {
        "{{CURRENT_DATE}}": date,
        "{{CURRENT_TIME}}": clock,
        "{{CURRENT_DATETIME}}": f"{date} {clock}",
        "{{CURRENT_WEEKDAY}}": now.strftime("%A"),
        "{{USER_NAME}}": user.name,
        "{{USER_EMAIL}}": user.email,
    }
    for name, value in values.items():
        text = text.replace(name, value)
    if "{{" in text:
        text = await _replace_profile_variables(db, text, user, now.date())
    return text


async def _replace_profile_variables(db: Database, text: str, user: User, today: datetime.date) -> str:
    profile = await profile_store.find_profile(db, user.id)
    if profile is None:
        return text
    text = _replace_variables(_USER_VARIABLE, text, profile.variables or {})
    date_of_birth = profile.date_of_birth
    values = {
        "{{USER_BIO}}": str(profile.bio),
        "{{USER_GENDER}}": str(profile.gender),
        "{{USER_BIRTH_DATE}}": str(date_of_birth),
        "{{USER_AGE}}": str(_compute_age(date_of_birth, today) if date_of_birth else None),
        "{{USER_LOCATION}}": str((profile.info or {}).get("location")),
    }
    for name, value in values.items():
        text = text.replace(name, value)
    if "{{USER_GROUPS}}" in text:
        groups = await profile_store.list_group_names(db, user.id)
        text = text.replace("{{USER_GROUPS}}", ", ".join(groups))
    return text
