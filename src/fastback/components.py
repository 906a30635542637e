"""Every component of the server, in the order in which they are built: their services, routers, tables and indexes."""

from __future__ import annotations

from fastback.access import credential_store
from fastback.completions import setup as completions
from fastback.features.analytics import setup as analytics
from fastback.features.apps import setup as apps
from fastback.features.audio import setup as audio
from fastback.features.auths import setup as auths
from fastback.features.automations import setup as automations
from fastback.features.backup import setup as backup
from fastback.features.calendars import setup as calendars
from fastback.features.channels import setup as channels
from fastback.features.chats import setup as chats
from fastback.features.chats.search import setup as chat_search
from fastback.features.code import setup as code
from fastback.features.configs import setup as configs
from fastback.features.connections import setup as connections
from fastback.features.evaluations import setup as evaluations
from fastback.features.files import setup as files
from fastback.features.folders import setup as folders
from fastback.features.functions import setup as functions
from fastback.features.gravatar import setup as gravatar
from fastback.features.groups import setup as groups
from fastback.features.images import setup as images
from fastback.features.knowledge import setup as knowledge
from fastback.features.ldap import setup as ldap
from fastback.features.memories import setup as memories
from fastback.features.models import setup as models
from fastback.features.nodes import setup as nodes
from fastback.features.notes import setup as notes
from fastback.features.notifications import setup as notifications
from fastback.features.oauth import setup as oauth
from fastback.features.oauth_clients import setup as oauth_clients
from fastback.features.oauth_sessions import setup as oauth_sessions
from fastback.features.pipelines import setup as pipelines
from fastback.features.plugin_start import setup as plugin_start
from fastback.features.plugins import setup as plugins
from fastback.features.prompts import setup as prompts
from fastback.features.retrieval import setup as retrieval_routes
from fastback.features.scim import setup as scim
from fastback.features.search import setup as search
from fastback.features.second_factors import setup as second_factors
from fastback.features.server import setup as server
from fastback.features.sessions import setup as sessions
from fastback.features.skills import setup as skills
from fastback.features.terminals import setup as terminals
from fastback.features.tools import setup as tools
from fastback.features.users import setup as users
from fastback.features.webhooks import setup as webhooks
from fastback.frontend import setup as frontend
from fastback.kit.http import Router
from fastback.kit.services import Services
from fastback.media.speech import setup as speech
from fastback.plugin_calls import setup as plugin_calls
from fastback.plugins import setup as plugin_host
from fastback.providers import setup as providers
from fastback.realtime import presence_setup as presence
from fastback.realtime import setup as realtime
from fastback.records import setup as records
from fastback.retrieval import setup as retrieval
from fastback.retrieval.extraction import setup as extraction
from fastback.retrieval.search import setup as collection_search
from fastback.retrieval.web import setup as web

#: Every room with services and every feature. The setup of each may get the services that those before it have added.
COMPONENTS = (
    nodes.COMPONENT,
    records.COMPONENT,
    oauth_sessions.COMPONENT,
    providers.COMPONENT,
    frontend.COMPONENT,
    speech.COMPONENT,
    extraction.COMPONENT,
    retrieval.COMPONENT,
    collection_search.COMPONENT,
    web.COMPONENT,
    plugin_host.COMPONENT,
    plugins.COMPONENT,
    oauth_clients.COMPONENT,
    tools.COMPONENT,
    functions.COMPONENT,
    skills.COMPONENT,
    prompts.COMPONENT,
    chats.COMPONENT,
    files.COMPONENT,
    folders.COMPONENT,
    notes.COMPONENT,
    models.COMPONENT,
    connections.COMPONENT,
    knowledge.COMPONENT,
    retrieval_routes.COMPONENT,
    audio.COMPONENT,
    images.COMPONENT,
    apps.COMPONENT,
    terminals.COMPONENT,
    groups.COMPONENT,
    sessions.COMPONENT,
    second_factors.COMPONENT,
    auths.COMPONENT,
    ldap.COMPONENT,
    oauth.COMPONENT,
    users.COMPONENT,
    scim.COMPONENT,
    configs.COMPONENT,
    server.COMPONENT,
    analytics.COMPONENT,
    evaluations.COMPONENT,
    webhooks.COMPONENT,
    memories.COMPONENT,
    notifications.COMPONENT,
    presence.COMPONENT,
    channels.COMPONENT,
    automations.COMPONENT,
    calendars.COMPONENT,
    gravatar.COMPONENT,
    code.COMPONENT,
    backup.COMPONENT,
    pipelines.COMPONENT,
    search.COMPONENT,
    chat_search.COMPONENT,
    completions.COMPONENT,
    plugin_start.COMPONENT,
    plugin_calls.COMPONENT,
    realtime.COMPONENT,
)

#: Idempotent statements that create tables of our own; they run before any service is built.
OWN_TABLES = (*credential_store.OWN_TABLES, *(statement for component in COMPONENTS for statement in component.tables))
#: Indexes of our own, which are created in the background.
OWN_INDEXES = tuple(index for component in COMPONENTS for index in component.indexes)


def list_routers() -> list[Router]:
    """List the routers of every component, with those that the settings disable."""
    return [router for component in COMPONENTS for router in component.routers]


def list_enabled_routers(services: Services) -> list[Router]:
    """List the routers of the components that the settings enable."""
    enabled = [component for component in COMPONENTS if component.is_enabled is None or component.is_enabled(services)]
    return [router for component in enabled for router in component.routers]
