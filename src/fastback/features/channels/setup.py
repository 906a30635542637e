"""Build the services of channels."""

from __future__ import annotations

from fastback.access.activity import ActivityListeners
from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.channels import routes
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.apps.setup import add_channel_apps
from fastback.features.channels.indexes import INDEXES
from fastback.features.channels.members.service import MemberService
from fastback.features.channels.messages import answer_store
from fastback.features.channels.messages.model_answers import ModelAnswers
from fastback.features.channels.messages.reader import MessageReader
from fastback.features.channels.messages.service import MessageService
from fastback.features.channels.notifications import ChannelNotifications, ConnectedUsers
from fastback.features.channels.search import MessageSearch
from fastback.features.channels.service import ChannelService
from fastback.features.notifications.delivery import NotificationDelivery
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks


async def set_up(services: Services) -> None:
    """Add what reads and changes channels, their members and messages, and checks who may; notify absent members.

    Let apps take part.
    """
    db, bus, grants = services.get(Database), services.get(Bus), services.get(Grants)
    access = ChannelAccess(db=db, config=services.get(Config), permissions=services.get(Permissions), grants=grants)
    services.add(ChannelAccess, access)
    channels = ChannelService(db=db, grants=grants, bus=bus, tasks=services.get(Tasks))
    members = MemberService(db=db, grants=grants, bus=bus)
    reader = MessageReader(db)
    services.add(ChannelService, channels)
    services.add(MemberService, members)
    services.add(MessageReader, reader)
    services.add(MessageService, MessageService(db=db, channels=channels, members=members, reader=reader, bus=bus))
    services.add(ModelAnswers, ModelAnswers(db=db, reader=reader, bus=bus))
    services.add(MessageSearch, MessageSearch(db, access))
    ChannelNotifications(
        db=db,
        config=services.get(Config),
        grants=grants,
        delivery=services.get(NotificationDelivery),
        listeners=services.get(ActivityListeners),
        connected=services.get(ConnectedUsers),
        tasks=services.get(Tasks),
        bus=bus,
    )
    add_channel_apps(services)


COMPONENT = Component(
    name="channels", routers=routes.routers, setup=set_up, indexes=INDEXES, tables=(answer_store.CREATE_TABLE,)
)
