"""Connections to external vector databases, as the stored configuration keeps them, and sources in them."""

from __future__ import annotations

import time
import uuid
from typing import Any, Final

from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.features.knowledge import store
from fastback.features.knowledge.schemas import ConnectionForm, SourceForm
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, NotFound

KEY: Final = ConfigKey("external_knowledge.connections")
NO_CONNECTION: Final = "External connection not found."
NO_NAME: Final = "Knowledge name is required."
_PROVIDERS = ("qdrant", "milvus", "pgvector")
#: Fields that a source's `config` may have, by provider.
_FIELDS = {
    "qdrant": {"content_field", "metadata_field", "document_id_field", "vector_field"},
    "milvus": {"content_field", "metadata_field", "document_id_field", "vector_field"},
    "pgvector": {
        "content_field",
        "metadata_field",
        "document_id_field",
        "vector_field",
        "table_name",
        "collection_field",
    },
}

Connection = dict[str, Any]


class ExternalConnections:
    """Reads and changes the connections. It awaits nothing between reading and writing: no change is lost."""

    def __init__(self, config: Config, db: Database) -> None:
        self._config = config
        self._db = db

    def list_connections(self) -> list[Connection]:
        return [dict(connection) for connection in self._config.get_list(KEY) if isinstance(connection, dict)]

    def get_connection(self, connection_id: Any, detail: str | None = None) -> Connection:
        """Return a connection.

        Raises:
            NotFound: there is no such connection; with `detail` as the message.
        """
        for connection in self.list_connections():
            if connection.get("id") == connection_id:
                return connection
        raise NotFound(detail) if detail else NotFound()

    async def save_connection(self, connection: Connection) -> None:
        """Add or replace a connection."""
        connections = self.list_connections()
        for index, existing in enumerate(connections):
            if existing.get("id") == connection["id"]:
                connections[index] = connection
                break
        else:
            connections.append(connection)
        await self._config.set(KEY, connections)

    async def remove_connection(self, connection_id: str) -> None:
        await self._config.set(
            KEY, [connection for connection in self.list_connections() if connection.get("id") != connection_id]
        )

    async def remove_if_unused(self, connection_id: Any) -> None:
        """Remove a connection that no knowledge uses."""
        if isinstance(connection_id, str) and not await store.count_by_connection(self._db, connection_id):
            await self.remove_connection(connection_id)


def hide_secrets(connection: Connection) -> Connection:
    """Return a connection without its secrets, for responses."""
    public_fields = {name: value for name, value in connection.items() if name != "auth_config"}
    return {**public_fields, "auth_configured": bool(connection.get("auth_config"))}


def create_connection(form: ConnectionForm, user_id: str, connection_id: str | None = None) -> Connection:
    """Build a new connection from a form.

    Raises:
        BadRequest: the form is invalid.
    """
    provider, config = _check_form(form)
    now = int(time.time())
    return {
        "id": connection_id or str(uuid.uuid4()),
        "name": form.name.strip(),
        "provider": provider,
        "endpoint": form.endpoint.strip(),
        "auth_config": {} if provider == "pgvector" else form.auth_config,
        "config": config,
        "capabilities": form.capabilities or {"retrieve": True},
        "health": None,
        "enabled": form.enabled,
        "created_by": user_id,
        "created_at": now,
        "updated_at": now,
    }


def update_connection(connection: Connection, form: ConnectionForm) -> Connection:
    """Return the connection changed by a form; secrets that the form omits remain.

    Raises:
        BadRequest: the form is invalid.
    """
    provider, config = _check_form(form)
    secrets = connection.get("auth_config") if form.auth_config is None else form.auth_config
    return {
        **connection,
        "name": form.name.strip(),
        "provider": provider,
        "endpoint": form.endpoint.strip(),
        # The address of a PostgreSQL database contains the password.
        "auth_config": {} if provider == "pgvector" else secrets or {},
        "config": config,
        "capabilities": form.capabilities or {"retrieve": True},
        "enabled": form.enabled,
        "updated_at": int(time.time()),
    }


def _check_form(form: ConnectionForm) -> tuple[str, dict[str, Any]]:
    provider = form.provider.lower().strip()
    if provider not in _PROVIDERS:
        raise BadRequest("Unsupported external knowledge provider.")
    if not form.name.strip():
        raise BadRequest("Knowledge source name is required.")
    if not form.endpoint.strip():
        raise BadRequest("Knowledge source endpoint is required.")
    allowed = {"timeout", "db_name"} if provider == "milvus" else {"timeout"}
    return provider, {name: value for name, value in (form.config or {}).items() if name in allowed}


def check_source(source: SourceForm, provider: Any) -> dict[str, Any]:
    """Return a source as it is stored: `{"type", "name", "config"}`.

    Raises:
        BadRequest: the form is invalid.
    """
    source_type, name = (source.type or "collection").strip(), source.name.strip()
    if source_type != "collection":
        raise BadRequest("Only collection sources are supported.")
    if not name:
        raise BadRequest("Collection name is required.")
    allowed = _FIELDS.get(str(provider), set())
    config: dict[str, Any] = {}
    for field, value in (source.config or {}).items():
        value = value.strip() if isinstance(value, str) else value
        if field in allowed and value is not None and value != "":
            config[field] = value
    if not config.get("content_field"):
        raise BadRequest("Content field is required.")
    if provider in ("milvus", "pgvector") and not config.get("vector_field"):
        raise BadRequest("Vector field is required.")
    return {"type": source_type, "name": name, "config": config}


def build_meta(connection: Connection, source: dict[str, Any]) -> dict[str, Any]:
    """Return the meta of a knowledge that reads an external source."""
    return {
        "source": "external",
        "read_only": True,
        "external": {
            "connection_id": connection.get("id"),
            "source": source,
            "provider": connection.get("provider"),
            "auth_mode": "service_account",
            "capabilities": {"retrieve": True},
        },
    }
