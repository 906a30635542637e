"""Build the OAuth clients of tool servers."""

from __future__ import annotations

from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.oauth_clients import routes, state_store
from fastback.features.oauth_clients.authorization import Authorization
from fastback.features.oauth_clients.authorization_states import AuthorizationStates
from fastback.features.oauth_clients.clients import OAuthClients
from fastback.features.oauth_clients.foreign_requests import RequestFactory
from fastback.features.oauth_clients.preflight import Preflight
from fastback.features.oauth_clients.registration import Registrar
from fastback.features.oauth_clients.token_requests import TokenRequests
from fastback.features.oauth_clients.tool_server_tokens import ToolServerTokens
from fastback.features.oauth_clients.verification import OAuthVerification
from fastback.features.oauth_sessions.renewal import TokenRenewal
from fastback.features.oauth_sessions.service import OAuthSessions
from fastback.features.oauth_sessions.token_cipher import ClientInfoCipher
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add the services of registration, authorization and users' tokens."""
    settings, config, cipher = services.get(Settings), services.get(Config), services.get(ClientInfoCipher)
    requests = RequestFactory(settings)
    registrar = Registrar(requests, settings.webui_name)
    clients = OAuthClients(
        config=config,
        settings=settings,
        cipher=cipher,
        requests=requests,
        registrar=registrar,
        bus=services.get(Bus),
    )
    token_requests = TokenRequests(requests, config)
    tokens = ToolServerTokens(
        sessions=services.get(OAuthSessions),
        renewal=services.get(TokenRenewal),
        clients=clients,
        requests=token_requests,
    )
    authorization = Authorization(
        db=services.get(Database),
        settings=settings,
        permissions=services.get(Permissions),
        clients=clients,
        states=AuthorizationStates(services.get(Database), cipher),
        requests=token_requests,
        tokens=tokens,
    )
    services.add(Registrar, registrar)
    services.add(OAuthClients, clients)
    services.add(ToolServerTokens, tokens)
    services.add(Authorization, authorization)
    services.add(Preflight, Preflight(requests, settings))
    services.add(OAuthVerification, OAuthVerification(requests))


COMPONENT = Component(
    name="oauth_clients",
    routers=[routes.config_router, routes.router],
    setup=set_up,
    tables=state_store.OWN_TABLES,
)
