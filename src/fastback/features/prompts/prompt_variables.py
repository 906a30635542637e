"""Fill in the variables of a system prompt."""

from __future__ import annotations

import asyncio
import datetime
import re
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from fastback.access.identity import User
from fastback.features.prompts import profile_store
from fastback.features.prompts.profile_store import Profile
from fastback.kit.db import Database
from fastback.providers.chat_variables import render_chat_variables
from fastback.providers.prompt_placeholders import MAX_PROMPT_LENGTH, replace_names, replace_placeholders

_USER_VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PROFILE_NAMES = (
    *("{{USER_BIO}}", "{{USER_GENDER}}", "{{USER_BIRTH_DATE}}", "{{USER_AGE}}", "{{USER_LOCATION}}", "{{USER_GROUPS}}"),
)
#: Prompts from this length on are filled in by a thread.
_LARGE = 50_000

Arguments = ParamSpec("Arguments")


async def resolve_variables(
    db: Database,
    text: str,
    user: User,
    *,
    variables: dict[str, Any] | None = None,
    chat_variables: dict[str, Any] | None = None,
) -> str:
    """Return the prompt with its variables filled in: the chat's, the user's, the page's, then dates and the profile.

    `variables` maps each variable of the page, braces included, to its value. A prompt without variables reads nothing
    from the database; one of more than ten million characters stays as it is.

    Raises:
        BadRequest: the prompt becomes too long.
    """
    if "{{" not in text or len(text) > MAX_PROMPT_LENGTH:
        return text
    text = await _fill_in(render_chat_variables, text, chat_variables or {})
    profile = None
    if "user.variables." in text:
        profile = await profile_store.find_profile(db, user.id)
        text = await _fill_in(_render_user_variables, text, profile)
    if variables and "{{" in text:
        text = await _fill_in(replace_names, text, {name: str(value) for name, value in variables.items()})
    if "{{" not in text:
        return text
    now = datetime.datetime.now()
    values = _describe_moment(now) | {"{{USER_NAME}}": user.name, "{{USER_EMAIL}}": user.email}
    if any(name in text for name in _PROFILE_NAMES):
        profile = profile or await profile_store.find_profile(db, user.id)
        values |= _describe_profile(profile, now.date()) if profile is not None else {}
        if "{{USER_GROUPS}}" in text:
            values["{{USER_GROUPS}}"] = ", ".join(await profile_store.list_group_names(db, user.id))
    return await _fill_in(replace_names, text, values)


async def _fill_in(
    function: Callable[Concatenate[str, Arguments], str],
    text: str,
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> str:
    if len(text) < _LARGE:
        return function(text, *args, **kwargs)
    return await asyncio.to_thread(function, text, *args, **kwargs)


def _render_user_variables(text: str, profile: Profile | None) -> str:
    stored = (profile.variables if profile is not None else None) or {}
    values = {
        name: value for name, value in stored.items() if isinstance(value, str) and _USER_VARIABLE_NAME.fullmatch(name)
    }
    return replace_placeholders(text, "user", values)


def _describe_moment(now: datetime.datetime) -> dict[str, str]:
    date, clock = now.strftime("%Y-%m-%d"), now.strftime("%I:%M:%S %p")
    return {
        "{{CURRENT_DATE}}": date,
        "{{CURRENT_TIME}}": clock,
        "{{CURRENT_DATETIME}}": f"{date} {clock}",
        "{{CURRENT_WEEKDAY}}": now.strftime("%A"),
    }


def _describe_profile(profile: Profile, today: datetime.date) -> dict[str, str]:
    date_of_birth = profile.date_of_birth
    return {
        "{{USER_BIO}}": str(profile.bio),
        "{{USER_GENDER}}": str(profile.gender),
        "{{USER_BIRTH_DATE}}": str(date_of_birth),
        "{{USER_AGE}}": str(_compute_age(date_of_birth, today) if date_of_birth else None),
        "{{USER_LOCATION}}": str((profile.info or {}).get("location")),
    }


def _compute_age(date_of_birth: datetime.date, today: datetime.date) -> int:
    return today.year - date_of_birth.year - ((today.month, today.day) < (date_of_birth.month, date_of_birth.day))
