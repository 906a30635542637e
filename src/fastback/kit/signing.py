"""PyJWT without the cryptography package, which is only needed for signatures that do not use a shared secret."""

from __future__ import annotations

from fastback.kit.import_blocking import block_imports

with block_imports("cryptography"):
    import jwt

__all__ = ["jwt"]
