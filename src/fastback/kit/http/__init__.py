"""HTTP: typed handlers behind a trie of routes, on Starlette's requests and responses.

A handler is an `async def` whose signature declares its input: path and query parameters by name, the JSON body as
`data`, the caller through an annotation that resolves an identity, and any service by its type.
"""

from fastback.kit.http.application import Application
from fastback.kit.http.body import Json, JsonBytes
from fastback.kit.http.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    HttpError,
    InsufficientStorage,
    Invalid,
    NotBuilt,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from fastback.kit.http.routing import FormField, Router

__all__ = [
    "Application",
    "BadRequest",
    "Conflict",
    "Forbidden",
    "FormField",
    "HttpError",
    "InsufficientStorage",
    "Invalid",
    "Json",
    "JsonBytes",
    "NotBuilt",
    "NotFound",
    "Router",
    "ServiceUnavailable",
    "TooManyRequests",
    "Unauthorized",
]
