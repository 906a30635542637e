"""`/api/v1/utils/gravatar`: where Gravatar keeps the picture of an address. Nothing is asked of Gravatar here."""

from __future__ import annotations

from hashlib import sha256

from fastback.access.guards import VerifiedUser
from fastback.kit.http import Router

router = Router("/api/v1/utils")


@router.get("/gravatar")
async def gravatar(email: str, user: VerifiedUser) -> str:
    """The hash is that of the address without capitals and spaces around it; `d=mp` asks for a plain figure else."""
    return f"https://www.gravatar.com/avatar/{sha256(email.strip().lower().encode()).hexdigest()}?d=mp"
