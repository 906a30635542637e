"""Which addresses an account may have."""

from __future__ import annotations

import re

#: Characters of the longest address that mail servers accept (RFC 5321). A longer one belongs to no account, and is
#: refused before it is counted, looked up or stored.
MAX_EMAIL_LENGTH = 254

_EMAIL = re.compile(r"[^@]+@[^@]+\.[^@]+")


def is_valid_email(email: str) -> bool:
    """Return whether a text may be the address of an account."""
    return len(email) <= MAX_EMAIL_LENGTH and (email.endswith("@localhost") or bool(_EMAIL.match(email)))
