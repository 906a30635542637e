"""Messages to webhooks of chat services."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

log = logging.getLogger("fastback.plugin_host")


async def post_webhook(
    name: str, url: str, message: str, event_data: dict[str, Any], description: str | None = None
) -> bool:
    """Send a message in the form that its service expects; return whether the service took it."""
    import aiohttp

    payload = build_payload(name, url, message, event_data)
    try:
        async with aiohttp.ClientSession(trust_env=True) as session, session.post(url, json=payload) as response:
            response.raise_for_status()
    except (aiohttp.ClientError, OSError, ValueError) as error:
        log.warning("a webhook failed: %s", error)
        return False
    return True


def build_payload(name: str, url: str, message: str, event_data: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a message: Slack and Google Chat, Discord, Microsoft Teams, or the event itself."""
    host = urlsplit(url).hostname or ""
    if host.endswith(("slack.com", "chat.googleapis.com")):
        return {"text": message}
    if host.endswith(("discord.com", "discordapp.com")):
        return {"content": message[:2000]}
    if host.endswith(("webhook.office.com", "logic.azure.com")):
        facts = [{"name": key, "value": str(value)} for key, value in event_data.items() if key != "user"]
        return {
            "@type": "MessageCard",
            "@context": "http://schema.org/extensions",
            "themeColor": "0076D7",
            "summary": message,
            "sections": [{"activityTitle": message, "activitySubtitle": name, "facts": facts, "markdown": True}],
        }
    return dict(event_data)
