"""Deletion of a user with the records that belong to them alone.

Files, knowledge, tools, models and ratings stay, as in the reference: others may use them, or the administrator has
collected them. The statements name tables of many features, because all of them run in one transaction.
"""

from __future__ import annotations

import time

from fastback.kit.db import Database

_CHATS = "SELECT id FROM chat WHERE user_id = :id"
#: Calendars that are shared stay.
_CALENDARS = """SELECT c.id FROM calendar c WHERE c.user_id = :id AND NOT EXISTS (
        SELECT 1 FROM access_grant g WHERE g.resource_type = 'calendar' AND g.resource_id = c.id)"""
_EVENTS = f"SELECT e.id FROM calendar_event e WHERE e.calendar_id IN ({_CALENDARS})"

TOUCH_GROUPS = """
    UPDATE "group" SET updated_at = :now WHERE id IN (SELECT group_id FROM group_member WHERE user_id = :id)"""
#: By statement name, in an order that keeps references whole.
DELETE_RECORDS = {
    "users.delete.messages": f"DELETE FROM chat_message WHERE chat_id IN ({_CHATS})",
    "users.delete.run_chats": f"UPDATE automation_run SET chat_id = NULL WHERE chat_id IN ({_CHATS})",
    "users.delete.runs": """
        DELETE FROM automation_run WHERE automation_id IN (SELECT id FROM automation WHERE user_id = :id)""",
    "users.delete.automations": "DELETE FROM automation WHERE user_id = :id",
    "users.delete.chat_files": "DELETE FROM chat_file WHERE user_id = :id",
    "users.delete.shared_chats": "DELETE FROM shared_chat WHERE user_id = :id",
    "users.delete.chats": "DELETE FROM chat WHERE user_id = :id",
    "users.delete.tags": "DELETE FROM tag WHERE user_id = :id",
    "users.delete.memories": "DELETE FROM memory WHERE user_id = :id",
    "users.delete.attendances": "DELETE FROM calendar_event_attendee WHERE user_id = :id",
    "users.delete.attendees": f"DELETE FROM calendar_event_attendee WHERE event_id IN ({_EVENTS})",
    "users.delete.events": f"DELETE FROM calendar_event WHERE calendar_id IN ({_CALENDARS})",
    "users.delete.calendars": f"DELETE FROM calendar WHERE id IN ({_CALENDARS})",
    "users.delete.pinned_notes": "DELETE FROM pinned_note WHERE user_id = :id",
    "users.delete.oauth_sessions": "DELETE FROM oauth_session WHERE user_id = :id",
    "users.delete.oauth_states": "DELETE FROM fastback_oauth_state WHERE user_id = :id",
    "users.delete.group_memberships": "DELETE FROM group_member WHERE user_id = :id",
    "users.delete.channel_memberships": "DELETE FROM channel_member WHERE user_id = :id",
    "users.delete.api_keys": "DELETE FROM api_key WHERE user_id = :id",
    # A folder that holds chats of other users stays.
    "users.delete.folders": """
        DELETE FROM folder WHERE user_id = :id AND NOT EXISTS (SELECT 1 FROM chat c WHERE c.folder_id = folder.id)""",
    "users.delete.grants": "DELETE FROM access_grant WHERE principal_type = 'user' AND principal_id = :id",
    "users.delete.credential": "DELETE FROM auth WHERE id = :id",
    "users.delete.user": 'DELETE FROM "user" WHERE id = :id',
}


async def delete_user(db: Database, user_id: str) -> None:
    """Delete a user and the records that belong to them alone; an unknown user is skipped."""
    async with db.transaction(long=True) as tx:
        await tx.execute("users.delete.touch_groups", TOUCH_GROUPS, id=user_id, now=int(time.time()))
        for name, text in DELETE_RECORDS.items():
            await tx.execute(name, text, id=user_id)
