"""AUTOMATIC1111's web interface for Stable Diffusion, and programs with its API."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fastback.kit.tasks import Tasks
from fastback.media.images.engine_requests import EngineRequests, ImageEngineError
from fastback.media.images.pictures import EncodedPicture, EngineResult, PictureSource

log = logging.getLogger("fastback.images")

Json = dict[str, Any]

#: Seconds that the request to stop a job may take.
_INTERRUPT_SECONDS = 10.0


class Automatic1111Jobs:
    """The jobs that this server has sent, by the address of their engine, oldest first: it runs them in this order."""

    def __init__(self) -> None:
        self._jobs: dict[str, list[object]] = {}

    def add(self, base_url: str) -> object:
        """Return a new job."""
        job = object()
        self._jobs.setdefault(base_url, []).append(job)
        return job

    def is_running(self, base_url: str, job: object) -> bool:
        """Return whether a job is the one that the engine works on."""
        return next(iter(self._jobs.get(base_url, [])), None) is job

    def remove(self, base_url: str, job: object) -> None:
        jobs = self._jobs[base_url]
        jobs.remove(job)
        if not jobs:
            del self._jobs[base_url]


class Automatic1111:
    """One engine."""

    def __init__(
        self, requests: EngineRequests, *, base_url: str, authorization: str, jobs: Automatic1111Jobs, tasks: Tasks
    ) -> None:
        self._requests = requests
        self._base_url = base_url
        self._headers = {"authorization": authorization}
        self._jobs = jobs
        self._tasks = tasks

    async def get_model(self) -> str:
        """Return the model that the engine has loaded.

        Raises:
            ImageEngineError: the engine failed.
        """
        options = await self._requests.get_json(f"{self._base_url}/sdapi/v1/options", self._headers)
        model = options.get("sd_model_checkpoint") if isinstance(options, dict) else None
        if not isinstance(model, str):
            raise ImageEngineError("The image engine did not name its model")
        return model

    async def generate_images(self, body: Json) -> EngineResult:
        """Return the pictures for a request of `txt2img`. A cancelled job is stopped in the engine.

        Raises:
            ImageEngineError: the engine failed, or returned no picture.
        """
        job = self._jobs.add(self._base_url)
        try:
            response = await self._requests.send_json(f"{self._base_url}/sdapi/v1/txt2img", body, self._headers)
        except BaseException as error:
            # The engine goes on after its client is gone. It stops what it works on, for any client.
            ends_early = isinstance(error, asyncio.CancelledError) or isinstance(error.__cause__, TimeoutError)
            if ends_early and self._jobs.is_running(self._base_url, job):
                self._tasks.run_in_background(self._interrupt(), may_finish=True)
            raise
        finally:
            self._jobs.remove(self._base_url, job)
        images = response.get("images") if isinstance(response, dict) else None
        entries = images if isinstance(images, list) else []
        pictures: list[PictureSource] = [EncodedPicture(image) for image in entries if isinstance(image, str) and image]
        if not pictures:
            raise ImageEngineError("The image engine returned no image")
        return EngineResult(pictures, {**body, "info": response.get("info")})

    async def _interrupt(self) -> None:
        try:
            async with asyncio.timeout(_INTERRUPT_SECONDS):
                await self._requests.send_json(f"{self._base_url}/sdapi/v1/interrupt", {}, self._headers)
        except (ImageEngineError, TimeoutError) as error:
            log.warning("stopping a job of %s failed: %s", self._base_url, error)
