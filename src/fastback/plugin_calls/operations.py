"""`operations.call`: an operation of the HTTP interface, for `open_webui.routers` and for changes of records."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.http.errors import HttpError
from fastback.plugin_calls.internal_requests import InternalRequests, Upload
from fastback.plugins.methods import HostMethods

Json = dict[str, Any]


class OperationMethods:
    """Run operations as the user that a plugin names: permissions, events and errors are those of a client."""

    def __init__(self, requests: InternalRequests) -> None:
        self._requests = requests

    def add_to(self, methods: HostMethods) -> None:
        methods.add("operations.call", self.call_operation)

    async def call_operation(
        self,
        user_id: str,
        verb: str,
        path: str,
        query: Json | None = None,
        content: Any = None,
        form: dict[str, str] | None = None,
        upload: Json | None = None,
    ) -> Json:
        """Return `status`, `headers` and `body` of the response; `verb` is the method of HTTP.

        `upload` are the fields of `Upload`; its file belongs to the caller.
        """
        try:
            response = await self._requests.send(
                user_id,
                verb,
                path,
                query=query,
                content=content,
                form=form,
                upload=msgspec.convert(upload, Upload) if upload is not None else None,
            )
        except HttpError as error:
            return {"status": error.status, "headers": {}, "body": msgspec.json.encode({"detail": error.detail})}
        return msgspec.structs.asdict(response)
