"""What operations take from requests: the address of the interface, and work on bodies that may be large."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from starlette.requests import Request

from fastback.features.scim.names import BASE_PATH

P = ParamSpec("P")
T = TypeVar("T")

#: Bytes of a body from which on it is processed in a thread: a kilobyte takes a tenth of a millisecond.
_LARGE_BODY = 32 * 1024


def get_base_url(request: Request) -> str:
    """Return the address of the SCIM interface as the client knows it."""
    return f"{str(request.base_url).rstrip('/')}{BASE_PATH}"


async def compute(request: Request, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Return the result of a function over the body of a request; for a large body it runs in a thread."""
    if len(await request.body()) > _LARGE_BODY:
        return await asyncio.to_thread(function, *arguments, **options)
    return function(*arguments, **options)
