"""Build the socket server and the rooms of chats, channels and notes."""

from __future__ import annotations

from fastback.access.identity import IdentityResolver
from fastback.access.permissions import Permissions
from fastback.completions.plugins.page_calls import PageCalls
from fastback.config import Config
from fastback.features.channels.access import ChannelAccess
from fastback.features.chats.access import ChatAccess
from fastback.features.nodes.nodes import Nodes
from fastback.features.notes.service import NoteService
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.cluster.node_calls import NodeCalls
from fastback.kit.db import Database
from fastback.kit.http.connection_limits import ConnectionLimits
from fastback.kit.metrics import Metrics
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.plugins.methods import HostMethods
from fastback.realtime.automation_results import AutomationResults
from fastback.realtime.calendar_reminders import CalendarReminders
from fastback.realtime.channel_rooms import ChannelRooms
from fastback.realtime.chat_rooms import ChatRooms
from fastback.realtime.connected_users import ClusterUsers
from fastback.realtime.note_rooms import NoteRooms
from fastback.realtime.other_documents import OtherDocuments
from fastback.realtime.page_questions import CALL_TIMEOUT, PageQuestions
from fastback.realtime.plugin_sockets import PluginSockets
from fastback.realtime.presence import ModelUses
from fastback.realtime.private_chats.eligibility import PrivateChatRules
from fastback.realtime.private_chats.relay import PrivateChatRelay
from fastback.realtime.private_chats.sessions import PrivateSessions
from fastback.realtime.server import SocketServer
from fastback.realtime.sessions import SocketSessions
from fastback.realtime.shared_documents import SharedDocuments
from fastback.realtime.socket_metrics import add_socket_metrics
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `SocketServer`."""
    bus = services.get(Bus)
    sessions = services.get(SocketSessions)
    server = SocketServer(
        settings=services.get(Settings),
        identities=services.get(IdentityResolver),
        sessions=sessions,
        limits=services.get(ConnectionLimits),
        connected=services.get(ClusterUsers),
        model_uses=services.get(ModelUses),
        cluster=await _open_cluster(services),
        nodes=services.get(Nodes),
        bus=bus,
    )
    services.add(SocketServer, server)
    if services.has(Metrics):
        add_socket_metrics(services.get(Metrics), sessions=sessions, limits=services.get(ConnectionLimits))
    _add_plugin_calls(services, server)
    _add_rooms(services, server)
    CalendarReminders(server, bus)
    AutomationResults(server, bus)
    _add_private_chats(services, server)


def _add_plugin_calls(services: Services, server: SocketServer) -> None:
    """Let plugins ask pages, and send to their sockets."""
    timeout = services.get(Settings).websocket_event_caller_timeout or CALL_TIMEOUT
    sessions, nodes, calls = services.get(SocketSessions), services.get(Nodes), services.get(NodeCalls)
    questions = PageQuestions(server=server, sessions=sessions, nodes=nodes, calls=calls, timeout=timeout)
    services.get(PageCalls).connect(questions.ask)
    plugin_sockets = PluginSockets(
        server=server, sessions=sessions, model_uses=services.get(ModelUses), nodes=nodes, calls=calls
    )
    plugin_sockets.add_to(services.get(HostMethods))


def _add_rooms(services: Services, server: SocketServer) -> None:
    """Let pages see the changes of notes, channels and chats that they show."""
    bus, tasks, notes = services.get(Bus), services.get(Tasks), services.get(NoteService)
    documents = SharedDocuments(
        server=server,
        notes=notes,
        tasks=tasks,
        others=OtherDocuments(cluster=services.get(Cluster), nodes=services.get(Nodes), calls=services.get(NodeCalls)),
    )
    NoteRooms(server=server, documents=documents, notes=notes, bus=bus)
    ChannelRooms(
        server=server,
        db=services.get(Database),
        access=services.get(ChannelAccess),
        cluster=services.get(Cluster),
        bus=bus,
    )
    ChatRooms(server=server, db=services.get(Database), access=services.get(ChatAccess), tasks=tasks, bus=bus)


async def _open_cluster(services: Services) -> Cluster:
    """Return what carries socket events."""
    if not services.get(Nodes).are_several:
        return services.get(Cluster)
    from fastback.realtime.socket_redis import open_socket_cluster

    return await open_socket_cluster(services)


def _add_private_chats(services: Services, server: SocketServer) -> None:
    """Let pages talk in private over the server."""
    rules = PrivateChatRules(
        db=services.get(Database),
        config=services.get(Config),
        permissions=services.get(Permissions),
        cluster=services.get(Cluster),
    )
    relay = PrivateChatRelay(
        server=server,
        sessions=PrivateSessions(services.get(Cluster)),
        rules=rules,
        settings=services.get(Settings),
        tasks=services.get(Tasks),
        bus=services.get(Bus),
    )
    services.add(PrivateChatRelay, relay)


COMPONENT = Component(name="realtime", setup=set_up)
