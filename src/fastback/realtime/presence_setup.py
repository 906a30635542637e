"""Build what knows who is connected, before the components that ask for it."""

from __future__ import annotations

from fastback.features.channels.notifications import ConnectedUsers
from fastback.features.chats.turn_events import ChatWatchers
from fastback.features.nodes.nodes import Nodes
from fastback.features.server.active_models import ActiveModels
from fastback.kit.cluster import Cluster
from fastback.kit.cluster.node_calls import NodeCalls
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.realtime.connected_users import ClusterUsers
from fastback.realtime.presence import ModelUses, Presence
from fastback.realtime.sessions import SocketSessions


async def set_up(services: Services) -> None:
    """Add `SocketSessions`, `ChatWatchers`, `ModelUses` and the users who are connected to any process."""
    nodes, cluster = services.get(Nodes), services.get(Cluster)
    open_chats = nodes.add_table("open-chats") if nodes.are_several else None
    sessions = SocketSessions(services.get(Tasks), open_chats)
    services.add(SocketSessions, sessions)
    model_uses = ModelUses(sessions, cluster, nodes)
    services.add(ModelUses, model_uses)
    services.add(ActiveModels, model_uses)
    services.add(ChatWatchers, Presence(sessions=sessions, nodes=nodes, calls=services.get(NodeCalls)))
    connected = ClusterUsers(nodes.id, nodes.add_table("connected-users") if nodes.are_several else None)
    services.add(ClusterUsers, connected)
    services.add(ConnectedUsers, connected)


COMPONENT = Component(name="presence", setup=set_up)
