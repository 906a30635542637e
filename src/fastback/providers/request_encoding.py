"""Encode requests to model servers, long conversations without holding the event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from fastback.kit.large_json import LARGE_SIZE, send_slices
from fastback.kit.pacing import let_others_run
from fastback.kit.sliced_json import SmallList, encode_in_slices, is_large_value


class RequestContent(msgspec.Struct):
    """The content of a request, in one or in slices, and its bytes."""

    data: bytes | AsyncIterator[bytes] | None
    size: int = 0

    @property
    def is_sliced(self) -> bool:
        return self.data is not None and not isinstance(self.data, bytes)


async def encode_request(body: Any) -> RequestContent:
    """Return the content of a request whose body is bytes, None, or anything that JSON can hold."""
    if body is None:
        return RequestContent(None)
    if not isinstance(body, bytes):
        if is_large_value(body):
            slices = await encode_in_slices(body)
            return RequestContent(_send(slices), sum(map(len, slices)))
        if isinstance(body, dict) and isinstance(tools := body.get("tools"), SmallList):
            body = {**body, "tools": tools.encoded}
        body = msgspec.json.encode(body)
    return RequestContent(send_slices(body) if len(body) > LARGE_SIZE else body, len(body))


async def _send(slices: list[bytes]) -> AsyncIterator[bytes]:
    """Yield the slices; each is freed once it is sent."""
    slices.reverse()
    while slices:
        yield slices.pop()
        await let_others_run()
