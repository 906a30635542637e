"""Sending a message to a webhook, in the form that the service behind it reads."""

from __future__ import annotations

import logging
from typing import Any

import aiohttp

from fastback import REFERENCE_VERSION
from fastback.kit.web_guard import BlockedAddress, WebGuard
from fastback.providers.http_client import CONNECTING
from fastback.settings import Settings
from fastback.settings.tls import client_ssl

log = logging.getLogger("fastback.events")

#: How long a webhook may take to answer (seconds).
PATIENCE = 30
_DISCORD_LONGEST = 2000


def _text(message: str, description: str | None, data: dict[str, Any]) -> str:
    lines = [message]
    if description and description != message:
        lines.append(description)
    if data.get("event"):
        lines.append(f"Event: {data['event']}")
    return "\n".join(lines)


def _card(message: str, description: str | None, data: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """A message for Teams."""
    who = data.get("user") or data.get("actor") or {}
    facts = [{"name": name, "value": value} for name, value in who.items()] if isinstance(who, dict) else []
    if data.get("event"):
        facts.insert(0, {"name": "event", "value": data["event"]})
    if description:
        facts.insert(0, {"name": "description", "value": description})
    section = {
        "activityTitle": message,
        "activitySubtitle": f"{settings.webui_name} ({REFERENCE_VERSION}) - {data.get('action', 'undefined')}",
        "activityImage": settings.webui_favicon_url,
        "text": description,
        "facts": facts,
        "markdown": True,
    }
    return {
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "themeColor": "0076D7",
        "summary": message,
        "sections": [section],
    }


class Poster:
    """Sends messages; a client of its own keeps it from calling anything inside our network."""

    def __init__(self, guard: WebGuard, settings: Settings) -> None:
        self._guard = guard
        self._settings = settings

    def _body(self, url: str, message: str, description: str | None, data: dict[str, Any]) -> dict[str, Any]:
        if "https://hooks.slack.com" in url or "https://chat.googleapis.com" in url:
            return {"text": _text(message, description, data)}
        if "https://discord.com/api/webhooks" in url:
            text = _text(message, description, data)
            return {
                "content": text if len(text) < _DISCORD_LONGEST else f"{text[: _DISCORD_LONGEST - 20]}... (truncated)"
            }
        if "webhook.office.com" in url:
            return _card(message, description, data, self._settings)
        return data

    async def post(self, url: str, message: str, data: dict[str, Any], description: str | None = None) -> bool:
        """Whether the message arrived; what hinders it is logged, without the address's path, which may be a secret."""
        try:
            await self._guard.check_url(url)
        except BlockedAddress:
            log.warning("a webhook is left out: its address is none, or may not be called")
            return False
        try:
            async with (
                aiohttp.ClientSession(
                    connector=self._guard.make_connector(ssl=client_ssl(self._settings)),
                    timeout=aiohttp.ClientTimeout(total=PATIENCE, sock_connect=CONNECTING),
                    trust_env=True,
                ) as client,
                client.post(
                    url,
                    json=self._body(url, message, description, data),
                    allow_redirects=self._settings.aiohttp_client_allow_redirects,
                ) as answer,
            ):
                answer.raise_for_status()
        except aiohttp.ClientResponseError as error:
            log.warning("a webhook answered %d", error.status)
            return False
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            log.warning("a webhook cannot be reached: %s", type(error).__name__)
            return False
        return True
