"""Skills: instructions that models load."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.open_webui.models.access_grants import AccessGrantModel
from fastback.plugin_host.open_webui.models.users import UserResponse
from fastback.plugin_host.record_models import Record, dump_form
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class SkillMeta(Record):
    i18n: dict[str, dict[str, str]] | None = None
    tags: list[str] | None = []


class SkillModel(Record):
    id: str
    user_id: str
    name: str
    description: str | None = None
    content: str
    data: dict[str, Any] = {}
    version_id: str | None = None
    meta: SkillMeta
    is_active: bool = True
    access_grants: list[AccessGrantModel] = []
    updated_at: int
    created_at: int


class SkillUserModel(SkillModel):
    user: UserResponse | None = None


class SkillResponse(Record):
    version_id: str | None = None
    id: str
    user_id: str
    name: str
    description: str | None = None
    meta: SkillMeta
    is_active: bool = True
    access_grants: list[AccessGrantModel] = []
    updated_at: int
    created_at: int


class SkillUserResponse(SkillResponse):
    user: UserResponse | None = None


class SkillAccessResponse(SkillUserResponse):
    write_access: bool | None = False


class SkillForm(Record):
    id: str
    name: str
    description: str | None = None
    content: str | None = None
    meta: SkillMeta = SkillMeta()
    is_active: bool = True
    access_grants: list[dict[str, Any]] | None = None


class SkillsTable(RecordTable):
    table = "skill"
    model = SkillModel
    grant_type = "skill"

    @awaited_or_not
    async def get_skill_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_skill_by_name(self, name: str, db: Any = None) -> Any:
        return await self._find(name=name)

    @awaited_or_not
    async def get_skills(self, user_id: str | None = None, ids: list[str] | None = None, db: Any = None) -> Any:
        """Return skills with their owners: all, or those that a user may read."""
        skills = await self._list(order="-updated_at", **_select(ids))
        if user_id is not None:
            granted = await self._list_granted(user_id, [skill.id for skill in skills], "read")
            skills = [skill for skill in skills if skill.user_id == user_id or skill.id in granted]
        owners = await self._list_owners(skills)
        return [
            SkillUserModel.model_validate({**skill.model_dump(), "user": owners.get(skill.user_id)}) for skill in skills
        ]

    @awaited_or_not
    async def get_skills_by_user_id(self, user_id: str, permission: str = "write", db: Any = None) -> Any:
        skills = await self._list(order="-updated_at")
        granted = await self._list_granted(user_id, [skill.id for skill in skills], permission)
        return [skill for skill in skills if skill.user_id == user_id or skill.id in granted]

    @awaited_or_not
    async def insert_new_skill(self, user_id: str, form_data: Any, db: Any = None) -> Any:
        content = dump_form(form_data)
        created = await self._run(user_id, "POST", "/api/v1/skills/create", content=content)
        return await self._find(id=created["id"]) if created else None

    @awaited_or_not
    async def update_skill_by_id(
        self, id: str, updated: dict[str, Any], db: Any = None, user_id: str | None = None
    ) -> Any:
        skill = await self._find(id=id)
        if skill is None:
            return None
        names = ("id", "name", "description", "content", "meta", "is_active")
        form = {name: value for name, value in skill.model_dump().items() if name in names}
        path = f"/api/v1/skills/id/{id}/update"
        await self._run(user_id or skill.user_id, "POST", path, content={**form, **dump_form(updated)})
        return await self._find(id=id)

    @awaited_or_not
    async def toggle_skill_by_id(self, id: str, db: Any = None) -> Any:
        skill = await self._find(id=id)
        return await self._update(id, {"is_active": not skill.is_active}) if skill is not None else None

    @awaited_or_not
    async def delete_skill_by_id(self, id: str, db: Any = None) -> Any:
        return bool(await self._run(None, "DELETE", f"/api/v1/skills/id/{id}/delete"))


def _select(ids: list[str] | None) -> dict[str, Any]:
    return {} if ids is None else {"id": list(ids)}


Skills = SkillsTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Skill": "skill"})
