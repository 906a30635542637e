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
    """Return models as the page lists them."""

    def __init__(self, registry: ModelRegistry, db: Database) -> None:
        self._registry = registry
        self._db = db

    def add_to(self, methods: HostMethods) -> None:
        methods.add("models.find_entry", self.find_entry)
        methods.add("models.list_entries", self.list_entries)
        methods.add("models.list_visible_entries", self.list_visible_entries)

    async def find_entry(self, model_id: str) -> Json | None:
        """Return the entry of a model; no server is asked for an unknown one."""
        model = (await self._registry.get_models()).get(model_id)
        return model.entry if model is not None else None

    async def list_entries(self, owned_by: str | None = None, is_base: bool = False) -> list[Json]:
        """Return the entries of all models: only those of one kind of server, or only base models, on request."""
        models = (await self._registry.get_models()).values()
        return [
            model.entry
            for model in models
            if owned_by in (None, model.owned_by) and not (is_base and model.base_model_id)
        ]

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
