"""Who is connected: one entry a socket."""

from __future__ import annotations

import time

import msgspec

from fastback.access.identity import User


class SocketSession(msgspec.Struct):
    """A socket that signed in."""

    user: User
    token: str
    chat_ids: set[str]


class SocketSessions:
    """Sockets of this process by id, and who has which chat open."""

    def __init__(self) -> None:
        self._by_sid: dict[str, SocketSession] = {}
        self._usage: dict[str, dict[str, float]] = {}

    def __len__(self) -> int:
        return len(self._by_sid)

    def add(self, sid: str, user: User, token: str) -> SocketSession:
        existing = self._by_sid.get(sid)
        session = SocketSession(user, token, existing.chat_ids if existing else set())
        self._by_sid[sid] = session
        return session

    def get(self, sid: str) -> SocketSession | None:
        return self._by_sid.get(sid)

    def remove(self, sid: str) -> SocketSession | None:
        for model_id, sids in list(self._usage.items()):
            sids.pop(sid, None)
            if not sids:
                del self._usage[model_id]
        return self._by_sid.pop(sid, None)

    def list_user_socket_ids(self, user_id: str) -> list[str]:
        return [sid for sid, one in self._by_sid.items() if one.user.id == user_id]

    def list_chat_sessions(self, chat_id: str) -> list[tuple[str, SocketSession]]:
        return [(sid, one) for sid, one in self._by_sid.items() if chat_id in one.chat_ids]

    def list_chat_users(self, chat_id: str) -> list[dict[str, str]]:
        """Who has a chat open: `{id, name}`, each once, in the order of their ids."""
        names = {one.user.id: one.user.name for _, one in self.list_chat_sessions(chat_id)}
        return [{"id": user_id, "name": names[user_id]} for user_id in sorted(names)]

    def record_model_use(self, sid: str, model_id: str) -> None:
        self._usage.setdefault(model_id, {})[sid] = time.time()

    def list_models_in_use(self) -> list[str]:
        """Models that a page said it is waiting for, in the last seconds."""
        since = time.time() - 3
        return [model_id for model_id, sids in self._usage.items() if any(at >= since for at in sids.values())]

    def items(self) -> list[tuple[str, SocketSession]]:
        return list(self._by_sid.items())
