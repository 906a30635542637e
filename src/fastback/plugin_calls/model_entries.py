"""`models.…`: the list of models, for `request.app.state.MODELS` and `open_webui.utils.models`."""

from __future__ import annotations

from typing import Any

from fastback.access import credential_store
from fastback.access.identity import User
from fastback.kit.db import Database
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.methods import HostMethods
from fastback.providers.registry import ModelRegistry

Json = dict[str, Any]


class ModelEntryMethods:
    """Return models as the page lists them.

    Servers that have not answered yet are not waited for: a function that answers for models may ask while the server
    waits for it.
    """

    def __init__(self, registry: ModelRegistry, db: Database) -> None:
        self._registry = registry
        self._db = db

    def add_to(self, methods: HostMethods) -> None:
        methods.add("models.get_changed_entries", self.get_changed_entries)
        methods.add("models.list_entries", self.list_entries)
        methods.add("models.list_base_entries", self.list_base_entries)
        methods.add("models.list_visible_entries", self.list_visible_entries)

    async def get_changed_entries(self, version: int | None) -> Json | None:
        """Return the `entries` of all models with their `version`; None where the version is the same."""
        current = self._registry.version
        return None if version == current else {"version": current, "entries": await self.list_entries()}

    async def list_entries(self) -> list[Json]:
        """Return the entries of all models."""
        return [model.entry for model in (await self._registry.get_listed_models()).values()]

    async def list_base_entries(self) -> list[Json]:
        """Return the entries of the models that build on no other one."""
        models = (await self._registry.get_listed_models()).values()
        return [model.entry for model in models if not model.base_model_id]

    async def list_visible_entries(self, user_id: str) -> list[Json]:
        """Return the entries of the models that a user may choose.

        Raises:
            RemoteFailure: of the kind `not_found`: there is no such user.
        """
        account = await credential_store.find_account(self._db, user_id)
        if account is None or account.id is None:
            raise RemoteFailure("not_found", "there is no such user")
        user = User(account.id, account.email, account.name, account.role)
        return [model.entry for model in await self._registry.list_visible_models(user)]
