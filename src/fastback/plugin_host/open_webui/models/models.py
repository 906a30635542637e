"""Models of the workspace."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.open_webui.models.access_grants import AccessGrantModel
from fastback.plugin_host.open_webui.models.users import UserResponse
from fastback.plugin_host.record_models import OpenRecord, Record, dump_form
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class ModelVoice(Record):
    voice: str | None = None


class ModelParams(OpenRecord):
    model_controls: dict[str, Any] = {}


class ModelMeta(OpenRecord):
    profile_image_url: str | None = None
    background_image_url: str | None = None
    description: str | None = None
    i18n: dict[str, Any] | None = None
    capabilities: dict[str, Any] | None = None
    knowledge: list[Any] | None = None
    voice: ModelVoice | None = None
    voice_avatar: dict[str, Any] | None = None


class ModelModel(Record):
    version_id: str | None = None
    id: str
    user_id: str
    base_model_id: str | None = None
    name: str
    params: ModelParams
    meta: ModelMeta
    access_grants: list[AccessGrantModel] = []
    is_active: bool
    updated_at: int
    created_at: int


class ModelUserResponse(ModelModel):
    user: UserResponse | None = None


class ModelAccessResponse(ModelUserResponse):
    write_access: bool | None = False


class ModelResponse(ModelModel):
    pass


class ModelListResponse(Record):
    items: list[ModelUserResponse]
    total: int


class ModelForm(Record):
    commit_message: str | None = None
    id: str
    base_model_id: str | None = None
    name: str
    meta: ModelMeta
    params: ModelParams
    access_grants: list[dict[str, Any]] | None = None
    is_active: bool = True


class ModelsTable(RecordTable):
    table = "model"
    model = ModelModel
    grant_type = "model"

    @awaited_or_not
    async def get_model_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_models_by_ids(self, ids: list[str], db: Any = None) -> Any:
        return await self._list(id=list(ids))

    @awaited_or_not
    async def get_all_models(self, db: Any = None) -> Any:
        return await self._list()

    @awaited_or_not
    async def get_models(
        self, writable_by_user_id: str | None = None, db: Any = None, ids: list[str] | None = None
    ) -> Any:
        """Return the models that build on another one, with their owners."""
        models = await (self._list() if ids is None else self._list(id=list(ids)))
        owners = await self._list_owners(models)
        return [
            ModelUserResponse.model_validate({**model.model_dump(), "user": owners.get(model.user_id)})
            for model in models
            if model.base_model_id is not None and writable_by_user_id in (None, model.user_id)
        ]

    @awaited_or_not
    async def get_base_models(self, tag: str | None = None, db: Any = None) -> Any:
        models = await self._list(base_model_id=None)
        return [model for model in models if tag is None or _has_tag(model, tag)]

    @awaited_or_not
    async def get_model_meta_by_id(self, id: str, db: Any = None) -> Any:
        model = await self._find(id=id)
        return (model.meta.model_dump(), model.user_id, model.updated_at) if model is not None else None

    @awaited_or_not
    async def insert_new_model(self, form_data: Any, user_id: str, db: Any = None) -> Any:
        content = dump_form(form_data)
        created = await self._run(user_id, "POST", "/api/v1/models/create", content=content)
        return await self._find(id=content["id"]) if created else None

    @awaited_or_not
    async def update_model_by_id(
        self, id: str, model: Any, db: Any = None, user_id: str | None = None, production_version_id: str | None = None
    ) -> Any:
        content = {**dump_form(model), "id": id}
        await self._run(user_id, "POST", "/api/v1/models/model/update", query={"id": id}, content=content)
        return await self._find(id=id)

    @awaited_or_not
    async def toggle_model_by_id(self, id: str, db: Any = None) -> Any:
        model = await self._find(id=id)
        return await self._update(id, {"is_active": not model.is_active}) if model is not None else None

    @awaited_or_not
    async def delete_model_by_id(self, id: str, db: Any = None) -> Any:
        return bool(await self._run(None, "POST", "/api/v1/models/model/delete", content={"id": id}))


def _has_tag(model: ModelModel, tag: str) -> bool:
    tags = model.meta.model_dump().get("tags") or []
    return any(entry == tag or (isinstance(entry, dict) and entry.get("name") == tag) for entry in tags)


Models = ModelsTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Model": "model"})
