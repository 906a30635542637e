"""Starts the sockets."""

from __future__ import annotations

from fastback.access.identity import IdentityResolver
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.turn_events import ChatWatchers
from fastback.features.notes.service import NoteService
from fastback.features.server.active_models import Usage
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.realtime.note_watchers import NoteRooms
from fastback.realtime.server import SocketServer
from fastback.realtime.shared_documents import SharedDocuments
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `SocketServer`."""
    realtime = SocketServer(
        settings=services.get(Settings),
        db=services.get(Database),
        identities=services.get(IdentityResolver),
        rights=services.get(ChatAccess),
        bus=services.get(Bus),
        watchers=services.get(ChatWatchers),
    )
    services.add(SocketServer, realtime)
    documents = SharedDocuments(realtime, services.get(NoteService), services.get(Tasks))
    NoteRooms(realtime=realtime, documents=documents, notes=services.get(NoteService), bus=services.get(Bus))
    usage = services.get(Usage)
    usage.models_in_use = realtime.sessions.list_models_in_use


COMPONENT = Component(name="realtime", setup=set_up)
