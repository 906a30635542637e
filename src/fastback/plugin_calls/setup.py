"""Build what answers the calls of plugins."""

from __future__ import annotations

from fastback.access.grants import Grants
from fastback.access.identity import IdentityResolver
from fastback.access.permissions import Permissions
from fastback.access.tokens import TokenSigner
from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.plugins.plugin_events import PluginEvents
from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.completions.tools.providers import list_tool_providers
from fastback.config import Config
from fastback.features.chats.messages.running_answers import RunningAnswers
from fastback.features.chats.service import ChatService
from fastback.features.files.deletion import FileDeletion
from fastback.features.images.service import ImageService
from fastback.features.oauth.user_tokens import SignInTokens
from fastback.features.oauth_clients.tool_server_tokens import ToolServerTokens
from fastback.features.oauth_sessions.service import OAuthSessions
from fastback.features.plugins.valves import ValveStore
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.storage import Storage
from fastback.plugin_calls.access import AccessMethods
from fastback.plugin_calls.chats import ChatMethods
from fastback.plugin_calls.configuration import ConfigurationMethods
from fastback.plugin_calls.database_access import DatabaseMethods
from fastback.plugin_calls.images import ImageMethods
from fastback.plugin_calls.internal_requests import InternalRequests
from fastback.plugin_calls.model_entries import ModelEntryMethods
from fastback.plugin_calls.oauth_sessions import OAuthSessionMethods
from fastback.plugin_calls.oauth_tokens import OAuthTokenMethods
from fastback.plugin_calls.offered_tools import OfferedToolMethods
from fastback.plugin_calls.operations import OperationMethods
from fastback.plugin_calls.pages import PageMethods
from fastback.plugin_calls.row_changes import RowChangeMethods
from fastback.plugin_calls.rows import RowMethods
from fastback.plugin_calls.settings import SettingMethods
from fastback.plugin_calls.storage_access import StorageMethods
from fastback.plugin_calls.tokens import TokenMethods
from fastback.plugin_calls.users import UserMethods
from fastback.plugin_calls.valves import ValveMethods
from fastback.plugin_calls.vectors import VectorMethods
from fastback.plugins.methods import HostMethods
from fastback.providers.registry import ModelRegistry
from fastback.retrieval.interfaces import Embedder, VectorStore
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `InternalRequests`, and the methods of this room to `HostMethods`."""
    methods = services.get(HostMethods)
    requests = InternalRequests(services.get(IdentityResolver))
    services.add(InternalRequests, requests)
    db, bus = services.get(Database), services.get(Bus)
    RowMethods(db).add_to(methods)
    RowChangeMethods(db, bus).add_to(methods)
    OperationMethods(requests).add_to(methods)
    ConfigurationMethods(services.get(Config)).add_to(methods)
    SettingMethods(services.get(Settings)).add_to(methods)
    TokenMethods(db, services.get(TokenSigner)).add_to(methods)
    OAuthTokenMethods(services.get(SignInTokens), services.get(ToolServerTokens)).add_to(methods)
    OAuthSessionMethods(services.get(OAuthSessions)).add_to(methods)
    DatabaseMethods(services.get(Settings)).add_to(methods)
    grants, permissions = services.get(Grants), services.get(Permissions)
    AccessMethods(db=db, grants=grants, permissions=permissions, bus=bus).add_to(methods)
    UserMethods(db, bus).add_to(methods)
    ValveMethods(db=db, valves=services.get(ValveStore), bus=bus).add_to(methods)
    _add_content_methods(services, methods)
    ModelEntryMethods(services.get(ModelRegistry), db).add_to(methods)
    VectorMethods(services.get(VectorStore), services.get(Embedder)).add_to(methods)
    OfferedToolMethods(services.get(PluginTurns), list_tool_providers(services)).add_to(methods)
    ImageMethods(services.get(ImageService), services.get(IdentityResolver)).add_to(methods)
    PageMethods(services.get(PluginEvents), services.get(PageCalls)).add_to(methods)


def _add_content_methods(services: Services, methods: HostMethods) -> None:
    db, bus = services.get(Database), services.get(Bus)
    storage = StorageMethods(db=db, storage=services.get(Storage), deletion=services.get(FileDeletion))
    storage.add_to(methods)
    chats = ChatMethods(db=db, chats=services.get(ChatService), running_answers=services.get(RunningAnswers), bus=bus)
    chats.add_to(methods)


COMPONENT = Component(name="plugin_calls", setup=set_up)
