"""How many messages there are, by which users and models, and with how many tokens."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_tables import RecordTable

Json = dict[str, Any]

#: More users than a list of them has.
_MANY = 100_000


class MessageUsage(RecordTable):
    """Sums over answers between two times, `start_date` and `end_date`, by members of a group."""

    async def _get_usage(
        self, name: str, start_date: int | None, end_date: int | None, group_id: str | None, **query: Any
    ) -> Any:
        """Return what the page of usage shows."""
        query |= {"start_date": start_date, "end_date": end_date, "group_id": group_id}
        query = {key: value for key, value in query.items() if value}
        return await self._run(None, "GET", f"/api/v1/analytics/{name}", query=query) or {}

    @awaited_or_not
    async def get_analytics_summary(
        self, start_date: int | None = None, end_date: int | None = None, group_id: str | None = None, db: Any = None
    ) -> Any:
        """Return the numbers of messages, chats, models and users."""
        return await self._get_usage("summary", start_date, end_date, group_id)

    @awaited_or_not
    async def get_model_analytics(
        self, start_date: int | None = None, end_date: int | None = None, group_id: str | None = None, db: Any = None
    ) -> Any:
        """Return, by model, the numbers of answers, users and chats."""
        usage = await self._get_usage("models", start_date, end_date, group_id)
        return {entry.pop("model_id"): entry for entry in usage.get("models", ())}

    @awaited_or_not
    async def get_message_count_by_model(
        self, start_date: int | None = None, end_date: int | None = None, group_id: str | None = None, db: Any = None
    ) -> Any:
        models = await self.get_model_analytics(start_date, end_date, group_id)
        return {model_id: entry["count"] for model_id, entry in models.items()}

    @awaited_or_not
    async def get_token_usage_by_model(
        self, start_date: int | None = None, end_date: int | None = None, group_id: str | None = None, db: Any = None
    ) -> Any:
        usage = await self._get_usage("tokens", start_date, end_date, group_id)
        return {entry.pop("model_id"): entry for entry in usage.get("models", ())}

    @awaited_or_not
    async def get_user_analytics(
        self, start_date: int | None = None, end_date: int | None = None, group_id: str | None = None, db: Any = None
    ) -> Any:
        """Return, by user, the numbers of answers and of tokens."""
        usage = await self._get_usage("users", start_date, end_date, group_id, limit=_MANY)
        return {
            entry["user_id"]: {
                "input_tokens": entry["input_tokens"],
                "output_tokens": entry["output_tokens"],
                "total_tokens": entry["total_tokens"],
                "message_count": entry["count"],
            }
            for entry in usage.get("users", ())
        }

    @awaited_or_not
    async def get_message_count_by_user(
        self, start_date: int | None = None, end_date: int | None = None, group_id: str | None = None, db: Any = None
    ) -> Any:
        users = await self.get_user_analytics(start_date, end_date, group_id)
        return {user_id: entry["message_count"] for user_id, entry in users.items()}

    @awaited_or_not
    async def get_message_count_by_chat(
        self, start_date: int | None = None, end_date: int | None = None, group_id: str | None = None, db: Any = None
    ) -> Any:
        where: Json = {"role": "assistant", **build_bounds(start_date, end_date)}
        if group_id:
            from fastback.plugin_host.open_webui.models.groups import Groups

            where["user_id"] = await Groups.get_group_user_ids_by_id(group_id, include_inherited=True)
        rows = await self._list_rows("chat_message", where, columns="chat_id")
        return dict(Counter(row["chat_id"] for row in rows))

    @awaited_or_not
    async def get_chat_ids_by_model_id(
        self,
        model_id: str,
        start_date: int | None = None,
        end_date: int | None = None,
        skip: int = 0,
        limit: int = 50,
        db: Any = None,
    ) -> Any:
        """Return the chats in which a model has answered, that with the newest answer first."""
        where = {"model_id": model_id, **build_bounds(start_date, end_date)}
        rows = await self._list_rows("chat_message", where, order="-created_at chat_id", columns="chat_id")
        return list(dict.fromkeys(row["chat_id"] for row in rows))[skip : skip + limit]

    @awaited_or_not
    async def get_user_first_message_created_at(self, user_id: str, db: Any = None) -> Any:
        where = {"user_id": user_id, "created_at>": 0}
        rows = await self._list_rows("chat_message", where, order="created_at", limit=1, columns="created_at")
        return rows[0]["created_at"] if rows else None

    @awaited_or_not
    async def get_user_top_models(
        self, user_id: str, start_date: int, end_date: int, limit: int = 5, db: Any = None
    ) -> Any:
        """Return the models that have answered a user most often, with their numbers of tokens."""
        where = {"user_id": user_id, "role": "assistant", **build_bounds(start_date, end_date)}
        entries: dict[str, Json] = {}
        for row in await self._list_rows("chat_message", where, columns="model_id usage"):
            if row.get("model_id"):
                entry = entries.setdefault(row["model_id"], dict.fromkeys(("messages", *_TOKENS), 0))
                entry["messages"] += 1
                for name, count in count_tokens(row.get("usage")).items():
                    entry[name] += count
        ranked = sorted(entries.items(), key=lambda item: -int(item[1]["messages"]))
        return [{"model_id": model_id, **entry} for model_id, entry in ranked[:limit]]


_TOKENS = ("input_tokens", "output_tokens", "total_tokens")


def build_bounds(start: int | None, end: int | None) -> Json:
    """Return the criteria of times between two bounds, which are included; one that is 0 or None does not count."""
    return {**({"created_at>": start - 1} if start else {}), **({"created_at<": end + 1} if end else {})}


def count_tokens(usage: Any) -> dict[str, int]:
    """Return the numbers of tokens that a provider has reported for an answer."""
    usage = usage if isinstance(usage, dict) else {}
    read = int(usage.get("input_tokens") or usage.get("prompt_tokens") or 0)
    written = int(usage.get("output_tokens") or usage.get("completion_tokens") or 0)
    return dict(zip(_TOKENS, (read, written, read + written), strict=True))
