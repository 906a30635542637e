"""`tokens.…`: session tokens. The secret that signs them stays in the server."""

from __future__ import annotations

from typing import Any

from fastback.access import credential_store
from fastback.access.tokens import TokenSigner
from fastback.kit.db import Database
from fastback.plugins.methods import HostMethods


class TokenMethods:
    """Read and create tokens for plugins."""

    def __init__(self, db: Database, tokens: TokenSigner) -> None:
        self._db = db
        self._tokens = tokens

    def add_to(self, methods: HostMethods) -> None:
        methods.add("tokens.read", self.read_token)
        methods.add("tokens.create", self.create_token)

    async def read_token(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token with a valid signature, or None."""
        return self._tokens.read(token)

    async def create_token(self, user_id: str, lifetime: int) -> str | None:
        """Return a session token of a user for `lifetime` seconds; None where there is no such user."""
        account = await credential_store.find_account(self._db, user_id)
        if account is None or account.id is None:
            return None
        stamp = account.session_stamp
        return self._tokens.create_session_token(account.id, method="system", stamp=stamp, lifetime=lifetime)
