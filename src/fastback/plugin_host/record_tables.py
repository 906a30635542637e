"""The base of the classes whose methods plugins read and write records with."""

from __future__ import annotations

import logging
import time
from typing import Any, ClassVar, NoReturn

from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugin_host.awaited_or_not import call_server
from fastback.plugin_host.http_operations import OperationRefused, send_operation
from fastback.plugin_host.record_models import Record, decode_row
from fastback.plugin_host.server_link import SERVER

log = logging.getLogger("fastback.plugin_host")


def get_time() -> int:
    """Return the time as rows have it, in seconds."""
    return int(time.time())


def escape_pattern(text: str) -> str:
    """Return a text for a criterion `~`, with what patterns treat as special taken literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


#: The user who is shown as the first administrator.
_FIRST_ADMIN = {"table": "user", "where": {"role": "admin"}, "order": ["created_at", "id"], "limit": 1}


class RecordTable:
    """Read a table's rows as models.

    Attributes:
        table: the name of the table.
        model: what a row becomes.
        grant_type: the type of resource that grants of access name; records have `access_grants` then.
    """

    table: ClassVar[str]
    model: ClassVar[type[Record]]
    grant_type: ClassVar[str] = ""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Fastback does not offer {type(self).__name__}.{name} to plugins", name=name, obj=self)

    async def _list_rows(
        self,
        table: str,
        where: dict[str, Any],
        *,
        order: str = "",
        limit: int | None = None,
        skip: int | None = None,
        columns: str = "",
    ) -> list[dict[str, Any]]:
        """Return rows of any table, decoded, with the named columns, by default all.

        `order` names columns, one that descends with a `-` before it. Code that is only inspected, without a server,
        gets no rows.
        """
        if not SERVER.is_connected:
            return []
        page = {"order": order.split(), "limit": limit, "skip": skip, "columns": columns.split()}
        rows = await call_server("rows.list", table=table, where=where, **page)
        return [decode_row(row) for row in rows]

    async def _list(self, *, order: str = "", limit: int | None = None, skip: int | None = None, **where: Any) -> Any:
        """Return the records whose columns have these values."""
        rows = await self._list_rows(self.table, where, order=order, limit=limit, skip=skip)
        return await self._build_records(rows)

    async def _find(self, **where: Any) -> Any:
        """Return the record whose columns have these values, or None."""
        if any(value is None for value in where.values()):
            return None
        records = await self._list(limit=1, **where)
        return records[0] if records else None

    async def _count(self, **where: Any) -> int:
        if not SERVER.is_connected:
            return 0
        number: int = await call_server("rows.count", table=self.table, where=where)
        return number

    async def _build_records(self, rows: list[dict[str, Any]]) -> list[Any]:
        if self.grant_type and rows:
            grants = await self._list_grants([row["id"] for row in rows])
            rows = [{**row, "access_grants": grants.get(row["id"], [])} for row in rows]
        return [self.model.model_validate(row) for row in rows]

    async def _list_grants(self, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the grants of access to records, by the records' ids."""
        grants: dict[str, list[dict[str, Any]]] = {}
        where = {"resource_type": self.grant_type, "resource_id": ids}
        for row in await self._list_rows("access_grant", where):
            grants.setdefault(row["resource_id"], []).append(row)
        return grants

    async def _list_granted(self, user_id: str, ids: list[str], permission: str) -> set[str]:
        """Return the ids of records that grants allow a user to read or write."""
        params = {"resource_type": self.grant_type, "resource_ids": ids, "permission": permission}
        return set(await call_server("access.list_granted", user_id=user_id, **params))

    async def _list_owners(self, records: list[Any]) -> dict[str, dict[str, Any]]:
        """Return the users who own records, by their ids."""
        ids = sorted({record.user_id for record in records if record.user_id})
        return {row["id"]: row for row in await self._list_rows("user", {"id": ids})} if ids else {}

    async def _run(self, user_id: str | None, method: str, path: str, **request: Any) -> Any:
        """Run an operation as a user, by default as the first administrator; None where it is refused."""
        if not SERVER.is_connected:
            return None
        try:
            return await send_operation(user_id or await self._get_admin_id(), method, path, **request)
        except OperationRefused as error:
            log.warning("%s %s was refused for a plugin: %d %s", method, path, error.status, error.detail)
            return None

    async def _update(self, record_id: str, values: dict[str, Any], merge: list[str] | None = None) -> Any:
        """Change columns of a record, and return it; JSON columns in `merge` keep their other fields."""
        if "updated_at" in self.model.model_fields:
            values = {"updated_at": get_time(), **values}
        await self._call("rows.update", table=self.table, where={"id": record_id}, values=values, merge=merge)
        return await self._find(id=record_id)

    async def _call(self, method: str, /, **params: Any) -> Any:
        """Run a method of the server; None where it fails, and without a server."""
        if not SERVER.is_connected:
            return None
        try:
            return await call_server(method, **params)
        except RemoteFailure as failure:
            log.warning("%s failed for a plugin: %s", method, failure)
            return None

    async def _get_admin_id(self) -> str:
        rows = await call_server("rows.list", **_FIRST_ADMIN)
        return str(rows[0]["id"]) if rows else ""
