"""The stored configuration, by its keys."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not, call_server


class Config:
    """Read and change values; the methods need no instance."""

    @staticmethod
    @awaited_or_not
    async def get(key: str, default: Any = None) -> Any:
        return (await call_server("config.get_many", keys=[key])).get(key, default)

    @staticmethod
    @awaited_or_not
    async def get_many(*keys: str) -> Any:
        return await call_server("config.get_many", keys=list(keys))

    @staticmethod
    @awaited_or_not
    async def get_namespace(namespace: str) -> Any:
        values = await call_server("config.get_all")
        return {key: value for key, value in values.items() if key.startswith(f"{namespace}.")}

    @staticmethod
    @awaited_or_not
    async def get_all() -> Any:
        return await call_server("config.get_all")

    @staticmethod
    @awaited_or_not
    async def upsert(updates: dict[str, Any], *, db: Any = None) -> Any:
        await call_server("config.set_many", values=updates)

    @staticmethod
    @awaited_or_not
    async def delete(key: str) -> Any:
        await call_server("config.reset", keys=[key])
        return True

    @staticmethod
    def default_value(key: str, default: Any = None) -> Any:
        from fastback.plugin_host.server_link import SERVER

        return SERVER.call_blocking("config.get_defaults").get(key, default)
