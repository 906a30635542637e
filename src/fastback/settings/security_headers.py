"""Response headers that settings add to every response: security policies and caching.

The names, the variables and the substitutes for invalid values are those of Open WebUI.
"""

from __future__ import annotations

import re

from fastback.settings.process_settings import Settings

_REFERRER_POLICIES = (
    "no-referrer|no-referrer-when-downgrade|origin|origin-when-cross-origin|same-origin|strict-origin"
    "|strict-origin-when-cross-origin|unsafe-url"
)
_PERMISSIONS = (
    "accelerometer|autoplay|camera|clipboard-read|clipboard-write|fullscreen|geolocation|gyroscope|magnetometer"
    "|microphone|midi|payment|picture-in-picture|sync-xhr|usb|xr-spatial-tracking"
)
_CACHE_DIRECTIVES = (
    r"(?:public|private|no-cache|no-store|must-revalidate|proxy-revalidate|max-age=\d+|s-maxage=\d+|no-transform"
    "|immutable)"
)

#: Header, setting, pattern of a valid value (None accepts any value), substitute for an invalid value.
_HEADERS: list[tuple[str, str, str | None, str]] = [
    ("cache-control", "cache_control", rf"{_CACHE_DIRECTIVES}(,\s*{_CACHE_DIRECTIVES})*", "no-store, max-age=0"),
    ("strict-transport-security", "hsts", r"max-age=\d+(;includeSubDomains)?(;preload)?",
     "max-age=31536000;includeSubDomains"),
    ("permissions-policy", "permissions_policy", rf"(?:(?:{_PERMISSIONS})=\((?:self)?\),?)*", "none"),
    ("referrer-policy", "referrer_policy", _REFERRER_POLICIES, "no-referrer"),
    ("x-content-type-options", "xcontent_type", "nosniff", "nosniff"),
    ("x-download-options", "xdownload_options", "noopen", "noopen"),
    ("x-frame-options", "xframe_options", "DENY|SAMEORIGIN", "DENY"),
    ("x-permitted-cross-domain-policies", "xpermitted_cross_domain_policies",
     "none|master-only|by-content-type|by-ftp-filename", "none"),
    ("content-security-policy", "content_security_policy", None, ""),
    ("content-security-policy-report-only", "content_security_policy_report_only", None, ""),
    ("cross-origin-embedder-policy", "cross_origin_embedder_policy", "unsafe-none|require-corp|credentialless",
     "require-corp"),
    ("cross-origin-opener-policy", "cross_origin_opener_policy",
     "unsafe-none|same-origin-allow-popups|same-origin|noopener-allow-popups", "same-origin"),
    ("cross-origin-resource-policy", "cross_origin_resource_policy", "same-site|same-origin|cross-origin",
     "same-origin"),
    ("reporting-endpoints", "reporting_endpoints", None, ""),
]  # fmt: skip


def build_security_headers(settings: Settings) -> list[tuple[bytes, bytes]]:
    """Return the headers that the settings enable, encoded for ASGI."""
    headers = []
    for header, name, pattern, substitute in _HEADERS:
        value: str = getattr(settings, name)
        if value:
            is_valid = pattern is None or re.fullmatch(pattern, value, re.IGNORECASE)
            headers.append((header.encode(), (value if is_valid else substitute).encode("latin-1", "replace")))
    return headers
