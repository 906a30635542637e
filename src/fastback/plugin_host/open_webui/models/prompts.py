"""Prompts of the workspace."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.open_webui.models.access_grants import AccessGrantModel
from fastback.plugin_host.open_webui.models.users import UserResponse
from fastback.plugin_host.record_models import Record, dump_form
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class PromptModel(Record):
    id: str | None = None
    command: str
    user_id: str
    name: str
    content: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    tags: list[str] | None = None
    is_active: bool | None = True
    version_id: str | None = None
    created_at: int | None = None
    updated_at: int | None = None
    access_grants: list[AccessGrantModel] = []


class PromptUserResponse(PromptModel):
    user: UserResponse | None = None


class PromptAccessResponse(PromptUserResponse):
    write_access: bool | None = False


class PromptForm(Record):
    command: str
    name: str
    content: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    tags: list[str] | None = None
    access_grants: list[dict[str, Any]] | None = None
    version_id: str | None = None
    commit_message: str | None = None
    is_production: bool | None = True


class PromptsTable(RecordTable):
    table = "prompt"
    model = PromptModel
    grant_type = "prompt"

    @awaited_or_not
    async def get_prompt_by_id(self, prompt_id: str, db: Any = None) -> Any:
        return await self._find(id=prompt_id)

    @awaited_or_not
    async def get_prompt_by_command(self, command: str, db: Any = None) -> Any:
        return await self._find(command=command)

    @awaited_or_not
    async def get_prompts(self, db: Any = None) -> Any:
        prompts = await self._list(order="-updated_at", is_active=True)
        owners = await self._list_owners(prompts)
        return [
            PromptUserResponse.model_validate({**prompt.model_dump(), "user": owners.get(prompt.user_id)})
            for prompt in prompts
        ]

    @awaited_or_not
    async def get_prompts_by_user_id(self, user_id: str, permission: str = "write", db: Any = None) -> Any:
        prompts = await self._list(order="-updated_at", is_active=True)
        granted = await self._list_granted(user_id, [prompt.id for prompt in prompts], permission)
        return [prompt for prompt in prompts if prompt.user_id == user_id or prompt.id in granted]

    @awaited_or_not
    async def insert_new_prompt(self, user_id: str, form_data: Any, db: Any = None) -> Any:
        created = await self._run(user_id, "POST", "/api/v1/prompts/create", content=dump_form(form_data))
        return await self._find(id=created["id"]) if created else None

    async def _change(self, prompt: PromptModel | None, form_data: Any, user_id: str) -> Any:
        if prompt is None:
            return None
        path = f"/api/v1/prompts/id/{prompt.id}/update"
        await self._run(user_id, "POST", path, content=dump_form(form_data))
        return await self._find(id=prompt.id)

    @awaited_or_not
    async def update_prompt_by_id(self, prompt_id: str, form_data: Any, user_id: str, db: Any = None) -> Any:
        return await self._change(await self._find(id=prompt_id), form_data, user_id)

    @awaited_or_not
    async def update_prompt_by_command(self, command: str, form_data: Any, user_id: str, db: Any = None) -> Any:
        return await self._change(await self._find(command=command), form_data, user_id)

    @awaited_or_not
    async def delete_prompt_by_id(self, prompt_id: str, db: Any = None) -> Any:
        return bool(await self._run(None, "DELETE", f"/api/v1/prompts/id/{prompt_id}/delete"))

    @awaited_or_not
    async def delete_prompt_by_command(self, command: str, db: Any = None) -> Any:
        prompt = await self._find(command=command)
        if prompt is None:
            return False
        return bool(await self._run(None, "DELETE", f"/api/v1/prompts/id/{prompt.id}/delete"))

    @awaited_or_not
    async def get_tags(self, db: Any = None) -> Any:
        prompts = await self._list(is_active=True)
        return sorted({tag for prompt in prompts for tag in prompt.tags or ()})


Prompts = PromptsTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Prompt": "prompt"})
