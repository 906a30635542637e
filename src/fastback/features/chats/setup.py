"""Build the services of chats."""

from __future__ import annotations

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.chats import routes
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.indexes import INDEXES
from fastback.features.chats.messages.answer_recovery import LeftOverAnswers
from fastback.features.chats.messages.context_usage import ContextUsage
from fastback.features.chats.messages.running_answers import RunningAnswers
from fastback.features.chats.service import ChatService
from fastback.features.chats.sharing.shared_view import ShareOpener
from fastback.features.nodes.nodes import Nodes
from fastback.kit.bus import Bus
from fastback.kit.cluster.node_calls import NodeCalls
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add what other features and turns need of chats."""
    db = services.get(Database)
    grants = services.get(Grants)
    access = ChatAccess(db, grants, services.get(Settings))
    services.add(ChatAccess, access)
    chats = ChatService(
        db=db,
        permissions=services.get(Permissions),
        grants=grants,
        access=access,
        tasks=services.get(Tasks),
        bus=services.get(Bus),
    )
    services.add(ChatService, chats)
    services.add(ShareOpener, ShareOpener(chats))
    services.add(ContextUsage, ContextUsage(services.get(Config)))
    nodes, tasks = services.get(Nodes), services.get(Tasks)
    running_answers = RunningAnswers(db=db, tasks=tasks, nodes=nodes, calls=services.get(NodeCalls))
    services.add(RunningAnswers, running_answers)
    left_over = LeftOverAnswers(db=db, tasks=tasks, bus=services.get(Bus), running_answers=running_answers, nodes=nodes)
    services.add(LeftOverAnswers, left_over)


COMPONENT = Component(name="chats", routers=routes.routers, setup=set_up, indexes=INDEXES)
