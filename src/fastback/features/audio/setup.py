"""Set up speech: routes, and the socket of voice calls."""

from __future__ import annotations

import aiohttp

from fastback.access.identity import IdentityResolver
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.audio import routes, speech_routes, transcription_routes
from fastback.features.audio.call_setup import CallSetup
from fastback.features.audio.call_socket import CallSocket
from fastback.features.chats.access import ChatAccess
from fastback.kit.http.connection_limits import ConnectionLimits
from fastback.kit.services import Component, Services
from fastback.media.speech.engine_requests import EngineClient
from fastback.providers.registry import ModelRegistry


async def set_up(services: Services) -> None:
    """Register `CallSocket`."""
    call_setup = CallSetup(
        config=services.get(Config),
        permissions=services.get(Permissions),
        chats=services.get(ChatAccess),
        registry=services.get(ModelRegistry),
        client=services.get(EngineClient),
    )
    services.add(
        CallSocket,
        CallSocket(
            identities=services.get(IdentityResolver),
            setup=call_setup,
            client=services.get(aiohttp.ClientSession),
            limits=services.get(ConnectionLimits),
        ),
    )


COMPONENT = Component(
    name="audio", routers=[routes.router, speech_routes.router, transcription_routes.router], setup=set_up
)
