"""Build the sessions of the sockets, before the components that ask who is present."""

from __future__ import annotations

from fastback.features.chats.turn_events import ChatWatchers
from fastback.features.server.active_models import ActiveModels
from fastback.kit.services import Component, Services
from fastback.realtime.presence import Presence
from fastback.realtime.sessions import SocketSessions
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `SocketSessions`, `ChatWatchers` and `ActiveModels`."""
    sessions = SocketSessions()
    services.add(SocketSessions, sessions)
    services.add(ActiveModels, sessions)
    spans_processes = services.get(Settings).websocket_manager == "redis"
    services.add(ChatWatchers, Presence(sessions, spans_processes=spans_processes))


COMPONENT = Component(name="presence", setup=set_up)
