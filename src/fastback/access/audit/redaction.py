"""Bodies as they may stand in the audit log: every password, token and key is blotted out.

A body may be cut off anywhere, so this works on its text, not on parsed JSON.
"""

from __future__ import annotations

import re

BLOT = "********"

#: Names of fields that hold a secret: `password`, `new_password`, `api_key`, `OPENAI_API_KEYS`, `auth_token`, ….
_NAME = r"""[^"\\\r\n]{0,80}(?:passw|secret|credential|passphrase)[^"\\\r\n]{0,80}|(?:[^"\\\r\n]{0,80}[^a-z"\\\r\n])?
    (?:api)?(?:keys?|tokens?|authorization|auth|cookies?|otp|pin|stamp)"""
_STRING = r'"(?:[^"\\]|\\.)*(?:"|\\?$)'
#: `"name": "value"`, `"name": ["value", …]`, the value perhaps cut off; also escaped once, as JSON inside of JSON.
_FIELD = re.compile(rf'("(?:{_NAME})"\s*:\s*)(?:{_STRING}|\[[^\]]*(?:\]|$))', re.IGNORECASE | re.VERBOSE)
_NESTED = re.compile(
    r'(\\"[^"\\]{0,80}(?:passw|secret|key|token|authorization|cookie|credential)[^"\\]{0,80}\\"\s*:\s*)\\"(?:[^"\\]|\\\\.)*(?:\\"|$)',
    re.IGNORECASE,
)
#: A part of a form: its name, and whatever stands after the empty line up to the boundary.
_PART = re.compile(
    r'(name="[^"]{0,80}(?:passw|secret|key|token|credential)[^"]{0,80}"[^\r\n]{0,200}\r?\n(?:[^\r\n]{1,200}\r?\n){0,5}\r?\n)(?:(?!\r?\n--).)*',
    re.IGNORECASE | re.DOTALL,
)
#: Secrets that show themselves, whatever they are called: session tokens (also those that are cut off), keys of
#: providers, credentials in headers and addresses, fields of a form.
_ANYWHERE: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}"), BLOT),
    (re.compile(r"\b(?:sk|gsk|xai|hf|AIza)[-_][\w-]{4,}"), BLOT),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {BLOT}"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s:/@'\"\[]*):[^\s@/'\"]+@"), rf"\1:{BLOT}@"),
    (re.compile(r"(?i)((?:passw(?:or)?d|secret|api[-_]?key|token)=)[^\s&\"']+"), rf"\1{BLOT}"),
]


def redact_secrets(body: str) -> str:
    """The text of a body without its secrets."""
    body = _FIELD.sub(rf'\1"{BLOT}"', body)
    body = _NESTED.sub(rf'\1\\"{BLOT}\\"', body)
    body = _PART.sub(rf"\g<1>{BLOT}", body)
    for pattern, instead in _ANYWHERE:
        body = pattern.sub(instead, body)
    return body
