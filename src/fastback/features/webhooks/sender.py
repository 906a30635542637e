"""Post messages to webhooks, each in the format of the service behind the address."""

from __future__ import annotations

import logging
from typing import Any

import aiohttp

from fastback import REFERENCE_VERSION
from fastback.kit.web_guard import BlockedAddress, WebGuard
from fastback.providers.http_client import CONNECT_TIMEOUT
from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

log = logging.getLogger("fastback.events")

#: The header of every request to a webhook. A server that gets one of its own does not pass its events on.
DELIVERY_HEADER = "x-fastback-delivery"
#: Time limit of a request to a webhook (seconds).
TIMEOUT_SECONDS = 30
_DISCORD_MAX_LENGTH = 2000


def _format_text(message: str, description: str | None, data: dict[str, Any]) -> str:
    lines = [message]
    if description and description != message:
        lines.append(description)
    if data.get("event"):
        lines.append(f"Event: {data['event']}")
    return "\n".join(lines)


def _build_teams_card(
    message: str, description: str | None, data: dict[str, Any], settings: Settings
) -> dict[str, Any]:
    """Return the message as a card for Microsoft Teams."""
    person = data.get("user") or data.get("actor") or {}
    facts = [{"name": name, "value": value} for name, value in person.items()] if isinstance(person, dict) else []
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


class WebhookSender:
    """Post messages to webhooks. Its own HTTP client, guarded by `WebGuard`, cannot reach the internal network."""

    def __init__(self, guard: WebGuard, settings: Settings) -> None:
        self._guard = guard
        self._settings = settings

    def _build_body(self, url: str, message: str, description: str | None, data: dict[str, Any]) -> dict[str, Any]:
        if "https://hooks.slack.com" in url or "https://chat.googleapis.com" in url:
            return {"text": _format_text(message, description, data)}
        if "https://discord.com/api/webhooks" in url:
            text = _format_text(message, description, data)
            return {
                "content": text
                if len(text) < _DISCORD_MAX_LENGTH
                else f"{text[: _DISCORD_MAX_LENGTH - 20]}... (truncated)"
            }
        if "webhook.office.com" in url:
            return _build_teams_card(message, description, data, self._settings)
        return data

    async def send(self, url: str, message: str, data: dict[str, Any], description: str | None = None) -> bool:
        """Post a message and return whether it arrived. The log leaves out the URL, whose path may be a secret."""
        try:
            await self._guard.check_url(url)
        except BlockedAddress:
            log.warning("webhook skipped: its address is invalid or blocked")
            return False
        try:
            async with (
                aiohttp.ClientSession(
                    connector=self._guard.make_connector(ssl=build_client_ssl(self._settings)),
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS, sock_connect=CONNECT_TIMEOUT),
                    trust_env=True,
                ) as client,
                client.post(
                    url,
                    json=self._build_body(url, message, description, data),
                    headers={DELIVERY_HEADER: "1"},
                    allow_redirects=self._settings.aiohttp_client_allow_redirects,
                ) as response,
            ):
                response.raise_for_status()
        except aiohttp.ClientResponseError as error:
            log.warning("webhook failed with HTTP status %d", error.status)
            return False
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            log.warning("webhook request failed: %s", type(error).__name__)
            return False
        return True
