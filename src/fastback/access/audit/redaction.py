"""Redaction of bodies for the audit log: every password, token and key is replaced.

A body may be truncated anywhere, so this works on its text, not on parsed JSON.
"""

from __future__ import annotations

import re

REPLACEMENT = "********"

#: Names of fields that hold a secret: `password`, `new_password`, `api_key`, `OPENAI_API_KEYS`, `auth_token`, ….
_NAME = r"""[^"\\\r\n]{0,80}(?:passw|secret|credential|passphrase)[^"\\\r\n]{0,80}|(?:[^"\\\r\n]{0,80}[^a-z"\\\r\n])?
    (?:api)?(?:keys?|tokens?|authorization|auth|cookies?|otp|pin|stamp)"""
_STRING = r'"(?:[^"\\]|\\.)*(?:"|\\?$)'
#: `"name": "value"`, `"name": ["value", …]`, the value maybe truncated; also escaped once, as JSON inside JSON.
_FIELD = re.compile(rf'("(?:{_NAME})"\s*:\s*)(?:{_STRING}|\[[^\]]*(?:\]|$))', re.IGNORECASE | re.VERBOSE)
_NESTED = re.compile(
    r'(\\"[^"\\]{0,80}(?:passw|secret|key|token|authorization|cookie|credential)[^"\\]{0,80}\\"\s*:\s*)\\"(?:[^"\\]|\\\\.)*(?:\\"|$)',
    re.IGNORECASE,
)
#: A part of a form: its name, and the text after the empty line up to the boundary.
_PART = re.compile(
    r'(name="[^"]{0,80}(?:passw|secret|key|token|credential)[^"]{0,80}"[^\r\n]{0,200}\r?\n(?:[^\r\n]{1,200}\r?\n){0,5}\r?\n)(?:(?!\r?\n--).)*',
    re.IGNORECASE | re.DOTALL,
)
#: Secrets that are recognised by their form, under any name: session tokens (also truncated ones), keys of providers,
#: credentials in headers and URLs, fields of a form.
_SECRETS: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}"), REPLACEMENT),
    (re.compile(r"\b(?:sk|gsk|xai|hf|AIza)[-_][\w-]{4,}"), REPLACEMENT),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {REPLACEMENT}"),
    (re.compile(r"(://[^\s:/@'\"\[]*):[^\s@/'\"]+@"), rf"\1:{REPLACEMENT}@"),
    (re.compile(r"(?i)((?:passw(?:or)?d|secret|api[-_]?key|token)=)[^\s&\"']+"), rf"\1{REPLACEMENT}"),
]


def redact_secrets(body: str) -> str:
    """Return the text of a body without its secrets."""
    body = _FIELD.sub(rf'\1"{REPLACEMENT}"', body)
    body = _NESTED.sub(rf'\1\\"{REPLACEMENT}\\"', body)
    body = _PART.sub(rf"\g<1>{REPLACEMENT}", body)
    for pattern, replacement in _SECRETS:
        body = pattern.sub(replacement, body)
    return body
