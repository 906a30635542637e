"""Build what knows who is connected, before the components that ask for it."""

from __future__ import annotations

from fastback.features.channels.notifications import ConnectedUsers
from fastback.features.chats.turn_events import ChatWatchers
from fastback.features.server.active_models import ActiveModels
from fastback.kit.cluster import Cluster
from fastback.kit.services import Component, Services
from fastback.realtime.connected_users import ClusterUsers
from fastback.realtime.presence import Presence
from fastback.realtime.sessions import SocketSessions
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `SocketSessions`, `ChatWatchers`, `ActiveModels` and the users who are connected to any process."""
    sessions = SocketSessions()
    services.add(SocketSessions, sessions)
    services.add(ActiveModels, sessions)
    spans_processes = services.get(Settings).websocket_manager == "redis"
    services.add(ChatWatchers, Presence(sessions, spans_processes=spans_processes))
    connected = ClusterUsers(services.get(Cluster))
    services.add(ClusterUsers, connected)
    services.add(ConnectedUsers, connected)


COMPONENT = Component(name="presence", setup=set_up)
