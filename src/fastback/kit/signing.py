"""PyJWT for tokens signed with a shared secret; without the cryptography package, which only other signatures need."""

from __future__ import annotations

from fastback.kit.import_blocking import block_imports

with block_imports("cryptography"):
    import jwt

__all__ = ["jwt"]
