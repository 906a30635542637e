"""A client that uploads files all the time, and checks afterwards that those acknowledged are there."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp

from conftest import Person, Reply
from faults.node_load import FAILURES
from faults.recorded_clients import run_beside
from waiting import wait_until


async def upload(person: Person, text: str, *, process: bool = False) -> Reply:
    """Upload a text."""
    form = aiohttp.FormData()
    form.add_field("file", text.encode(), filename="a.txt", content_type="text/plain")
    return await person.post(f"/api/v1/files/?process={str(process).lower()}", data=form)


class FileWriter:
    """Uploads files, of which one in eight is processed: a busy machine takes seconds for each."""

    def __init__(self, person: Person) -> None:
        self._person = person
        #: The texts of acknowledged uploads by id, and which of them are processed.
        self.texts: dict[str, str] = {}
        self._processed: list[str] = []

    async def run(self) -> None:
        """Upload until cancelled; an upload that fails was not acknowledged."""
        while True:
            process = len(self.texts) % 8 == 2
            text = uuid.uuid4().hex * 100
            with suppress(*FAILURES):
                file_id = (await upload(self._person, text, process=process)).ok()["id"]
                self.texts[file_id] = text
                if process:
                    self._processed.append(file_id)
            await asyncio.sleep(0.1)

    async def require_complete(self, seconds: float) -> dict[str, str]:
        """Require that all files are there and processed; return the errors of those whose processing has failed."""
        for file_id, text in self.texts.items():
            reply = await self._person.get(f"/api/v1/files/{file_id}/content")
            assert (reply.status, reply.text) == (200, text)
        errors = {}
        for file_id in self._processed:
            data = await wait_until(lambda file_id=file_id: self._find_outcome(file_id), seconds)
            if data["status"] == "failed":
                errors[file_id] = data["error"]
        return errors

    async def _find_outcome(self, file_id: str) -> dict[str, str] | None:
        data = (await self._person.get(f"/api/v1/files/{file_id}")).ok()["data"]
        return data if data["status"] in ("completed", "failed") else None


@asynccontextmanager
async def run_file_writer(person: Person) -> AsyncIterator[FileWriter]:
    """Have a client upload while the context is open."""
    writer = FileWriter(person)
    async with run_beside(writer.run()):
        yield writer
