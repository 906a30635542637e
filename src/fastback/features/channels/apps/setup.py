"""Build what lets apps take part in channels."""

from __future__ import annotations

from fastback.access.grants import Grants
from fastback.config import Config
from fastback.features.apps.access import AppAccess
from fastback.features.apps.connections.operations import AppOperations
from fastback.features.apps.connections.service import AppConnections
from fastback.features.apps.context_tokens import ContextTokens
from fastback.features.apps.key_encryption import AppKeyCipher
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.apps.access import AppChannelAccess
from fastback.features.channels.apps.app_messages import AppMessages
from fastback.features.channels.apps.invocations import AppInvocations
from fastback.features.channels.apps.mentions import AppMentions
from fastback.features.channels.apps.message_events import AppMessageEvents
from fastback.features.channels.apps.requests import AppRequests
from fastback.features.channels.messages.service import MessageService
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Services
from fastback.kit.tasks import Tasks


def add_channel_apps(services: Services) -> None:
    """Let apps read and write channels, hear of messages and mentions, and answer buttons."""
    db, bus, tasks = services.get(Database), services.get(Bus), services.get(Tasks)
    apps, connections, tokens = services.get(AppAccess), services.get(AppConnections), services.get(ContextTokens)
    access = AppChannelAccess(db=db, config=services.get(Config), apps=apps, channels=services.get(ChannelAccess))
    messages = AppMessages(db=db, access=access, messages=services.get(MessageService), bus=bus)
    invocations = AppInvocations(
        apps=apps,
        access=access,
        connections=connections,
        tokens=tokens,
        cipher=services.get(AppKeyCipher),
        messages=messages,
    )
    services.add(AppChannelAccess, access)
    services.add(AppInvocations, invocations)
    requests = AppRequests(db=db, access=access, grants=services.get(Grants), tokens=tokens, messages=messages)
    requests.add_to(services.get(AppOperations))
    AppMentions(apps=apps, invocations=invocations, messages=messages, tasks=tasks, bus=bus)
    AppMessageEvents(db=db, apps=apps, access=access, connections=connections, tokens=tokens, tasks=tasks, bus=bus)
    connections.start()
