"""Route `/api/v1/utils/gravatar`: the URL of a profile picture at Gravatar. No request is sent to Gravatar."""

from __future__ import annotations

from hashlib import sha256

from fastback.access.guards import VerifiedUser
from fastback.kit.http import Router

router = Router("/api/v1/utils")


@router.get("/gravatar")
async def get_gravatar_url(email: str, user: VerifiedUser) -> str:
    """Return the URL for an email address: it holds the SHA-256 of the trimmed, lower-case address.

    `d=mp` asks Gravatar for a plain silhouette if it has no picture.
    """
    return f"https://www.gravatar.com/avatar/{sha256(email.strip().lower().encode()).hexdigest()}?d=mp"
