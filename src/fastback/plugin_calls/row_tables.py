"""The tables whose rows plugins read, with the types of their columns."""

from __future__ import annotations

import datetime
from functools import cache
from typing import Any

import msgspec


class RowTable(msgspec.Struct, frozen=True):
    """A table: the type of each column by its name. `msgspec.Raw` is a column of JSON."""

    name: str
    columns: dict[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)


def _describe_table(name: str, plain: str, *, json: str = "", flags: str = "", dates: str = "") -> RowTable:
    columns: dict[str, Any] = dict.fromkeys(plain.split(), Any)
    columns |= dict.fromkeys(json.split(), msgspec.Raw)
    columns |= dict.fromkeys(flags.split(), bool | None)
    columns |= dict.fromkeys(dates.split(), datetime.date | None)
    return RowTable(name, columns)


_STAMPS = "created_at updated_at"

#: Tables with secrets (`auth`, `api_key`, `oauth_session`, `config`) are not among them; nor are valves, which may be
#: encrypted.
ROW_TABLES = {
    table.name: table
    for table in (
        _describe_table(
            "access_grant", "id resource_type resource_id principal_type principal_id permission created_at"
        ),
        _describe_table(
            "automation",
            f"id user_id folder_id name last_run_at next_run_at {_STAMPS}",
            json="data meta",
            flags="is_active",
        ),
        _describe_table("automation_run", "id automation_id chat_id status error created_at"),
        _describe_table(
            "channel",
            f"id user_id type name description archived_at archived_by deleted_at deleted_by updated_by {_STAMPS}",
            json="data meta",
            flags="is_private",
        ),
        _describe_table(
            "channel_member",
            f"""id channel_id user_id app_id role status invited_at invited_by joined_at left_at last_read_at
            {_STAMPS}""",
            json="data meta",
            flags="is_active is_channel_muted is_channel_pinned",
        ),
        _describe_table("channel_file", f"id user_id channel_id file_id message_id {_STAMPS}"),
        _describe_table(
            "chat",
            f"id user_id title share_id folder_id summary current_message_id last_read_at timer_at {_STAMPS}",
            json="chat meta variables tasks",
            flags="archived pinned",
        ),
        _describe_table("chat_file", f"id user_id chat_id message_id file_id {_STAMPS}"),
        _describe_table(
            "chat_message",
            f"id chat_id user_id role parent_id model_id context_summary {_STAMPS}",
            json="content output files sources embeds meta status_history error usage",
            flags="done",
        ),
        _describe_table("feedback", f"id user_id version type {_STAMPS}", json="data meta snapshot"),
        _describe_table("file", f"id user_id hash filename path {_STAMPS}", json="data meta"),
        _describe_table("folder", f"id parent_id user_id name {_STAMPS}", json="items meta data", flags="is_expanded"),
        _describe_table(
            "function", f"version_id id user_id name type content {_STAMPS}", json="meta", flags="is_active is_global"
        ),
        _describe_table(
            "group", f"parent_group_id id user_id name description {_STAMPS}", json="data meta permissions"
        ),
        _describe_table("group_member", f"id group_id user_id {_STAMPS}"),
        _describe_table("knowledge", f"id user_id name description {_STAMPS}", json="meta data"),
        _describe_table("knowledge_directory", f"id knowledge_id parent_id name user_id {_STAMPS}"),
        _describe_table("knowledge_file", f"id user_id knowledge_id file_id directory_id {_STAMPS}"),
        _describe_table("memory", f"id user_id type path content {_STAMPS}", json="meta"),
        _describe_table(
            "message",
            f"id user_id app_id channel_id reply_to_id parent_id pinned_by pinned_at content {_STAMPS}",
            json="data meta",
            flags="is_pinned",
        ),
        _describe_table("message_reaction", "id user_id message_id name created_at"),
        _describe_table(
            "model",
            f"version_id id user_id base_model_id name {_STAMPS}",
            json="params meta",
            flags="is_active",
        ),
        _describe_table("note", f"id user_id title {_STAMPS}", json="data meta"),
        _describe_table("pinned_note", "id user_id note_id created_at"),
        _describe_table(
            "prompt",
            f"id command user_id name content version_id {_STAMPS}",
            json="data meta tags",
            flags="is_active",
        ),
        _describe_table("shared_chat", f"id chat_id user_id title {_STAMPS}", json="chat"),
        _describe_table(
            "skill",
            f"id user_id name description content version_id {_STAMPS}",
            json="data meta",
            flags="is_active",
        ),
        _describe_table("tag", "id name user_id", json="meta"),
        _describe_table("tool", f"version_id id user_id name content {_STAMPS}", json="specs meta"),
        _describe_table(
            "user",
            f"""id email username role name profile_image_url profile_banner_image_url bio gender timezone
            presence_state status_emoji status_message status_expires_at last_active_at {_STAMPS}""",
            json="info variables settings oauth scim",
            dates="date_of_birth",
        ),
    )
}


@cache
def get_row_type(table: str, columns: tuple[str, ...] = ()) -> type[msgspec.Struct]:
    """Return the struct of a table's rows, with one field for each of these columns, by default for all, in order."""
    types = ROW_TABLES[table].columns
    return msgspec.defstruct(f"{table}_row", [(name, types[name]) for name in columns or types])
