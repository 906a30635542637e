"""`/api/v1/users/permissions` and `…/default/permissions`: the caller's permissions, and the default ones."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.permissions import USER_PERMISSIONS
from fastback.kit.http import Router

router = Router("/api/v1/users")


class WorkspacePermissions(msgspec.Struct):
    models: bool = False
    knowledge: bool = False
    prompts: bool = False
    tools: bool = False
    skills: bool = False
    models_import: bool = False
    models_export: bool = False
    models_hidden: bool = False
    prompts_import: bool = False
    prompts_export: bool = False
    tools_import: bool = False
    tools_export: bool = False
    skills_import: bool = False
    skills_export: bool = False


class SharingPermissions(msgspec.Struct):
    models: bool = False
    public_models: bool = False
    knowledge: bool = False
    public_knowledge: bool = False
    prompts: bool = False
    public_prompts: bool = False
    tools: bool = False
    public_tools: bool = False
    skills: bool = False
    public_skills: bool = False
    notes: bool = False
    public_notes: bool = False
    folders: bool = False
    public_chats: bool = False
    open_chats: bool = False
    public_calendars: bool = False


class AccessGrantPermissions(msgspec.Struct):
    allow_users: bool = True
    allow_groups: bool = True


class ChatPermissions(msgspec.Struct):
    controls: bool = True
    valves: bool = True
    system_prompt: bool = True
    params: bool = True
    file_upload: bool = True
    web_upload: bool = True
    delete: bool = True
    delete_message: bool = True
    continue_response: bool = True
    regenerate_response: bool = True
    rate_response: bool = True
    edit: bool = True
    share: bool = True
    export: bool = True
    import_: bool = msgspec.field(name="import", default=True)
    stt: bool = True
    tts: bool = True
    call: bool = True
    multiple_models: bool = True
    temporary: bool = True
    temporary_enforced: bool = False


class FeaturePermissions(msgspec.Struct):
    api_keys: bool = False
    notes: bool = True
    channels: bool = True
    encrypted_channels: bool = False
    folders: bool = True
    direct_tool_servers: bool = False
    web_search: bool = True
    image_generation: bool = True
    code_interpreter: bool = True
    memories: bool = True
    automations: bool = False
    calendar: bool = True
    webhooks: bool = False


class SettingsPermissions(msgspec.Struct):
    interface: bool = True


class DefaultPermissions(msgspec.Struct):
    """The permissions of every user, in the shape of the administrator's page."""

    workspace: WorkspacePermissions
    sharing: SharingPermissions
    access_grants: AccessGrantPermissions
    chat: ChatPermissions
    features: FeaturePermissions
    settings: SettingsPermissions


@router.get("/permissions")
async def get_own_permissions(user: VerifiedUser, permissions: Permissions) -> dict[str, Any]:
    return await permissions.get_tree(user.id)


@router.get("/default/permissions")
async def get_default_permissions(user: AdminUser, permissions: Permissions) -> DefaultPermissions:
    return msgspec.convert(permissions.get_defaults(), DefaultPermissions, strict=False)


@router.post("/default/permissions")
async def save_default_permissions(data: DefaultPermissions, user: AdminUser, config: Config) -> DefaultPermissions:
    await config.set(USER_PERMISSIONS, msgspec.to_builtins(data))
    return data


@router.get("/default/permissions/defaults")
async def get_initial_permissions(user: AdminUser, config: Config) -> DefaultPermissions:
    return msgspec.convert(config.get_default(USER_PERMISSIONS), DefaultPermissions, strict=False)
