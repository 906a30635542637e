"""A model that people can choose, as the registry keeps it."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.providers.connections import Connection
from fastback.providers.model_store import ModelRow

Entry = dict[str, Any]


class Model(msgspec.Struct):
    """A base model of a server or a plugin, a workspace model, or an arena.

    Attributes:
        entry: the model as `/api/models` shows it.
        connection: the connection of a server's base model; None for other models.
        upstream_id: the id at the server, without the prefix of the connection.
        info: the row of a workspace model, or the one that an administrator wrote about a base model.
        is_plugin: whether it is a base model that a plugin answers for, not a server.
    """

    id: str
    name: str
    entry: Entry
    owned_by: str
    connection: Connection | None
    upstream_id: str
    base_model_id: str | None = None
    info: ModelRow | None = None
    arena: bool = False
    is_plugin: bool = False

    @property
    def is_base(self) -> bool:
        """Whether a server or a plugin answers for the model itself."""
        return self.connection is not None or self.is_plugin

    @property
    def own_params(self) -> dict[str, Any]:
        """A copy of the parameters in its row."""
        params = self.info.params if self.info is not None else None
        return dict(params) if isinstance(params, dict) else {}

    @property
    def own_meta(self) -> dict[str, Any]:
        """The metadata in its row."""
        return (self.info.meta if self.info is not None else None) or {}

    @property
    def entry_info(self) -> dict[str, Any]:
        """`info` of its entry: the row as clients see it, with the defaults of the settings."""
        info: dict[str, Any] = self.entry.get("info") or {}
        return info
