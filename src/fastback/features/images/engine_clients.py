"""Clients of the engines that the settings name."""

from __future__ import annotations

import aiohttp

from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys import images as images_keys
from fastback.features.images.engines import encode_basic_auth
from fastback.kit.tasks import Tasks
from fastback.media.images.automatic1111 import Automatic1111, Automatic1111Jobs
from fastback.media.images.comfyui import ComfyUI
from fastback.media.images.engine_requests import EngineRequests
from fastback.media.images.gemini import GeminiImages
from fastback.media.images.openai import OpenAIImages
from fastback.providers.openai import make_user_headers
from fastback.retrieval.web.fetcher import WebFetcher
from fastback.settings import Settings


class EngineClients:
    """Build a client with the settings of the moment."""

    def __init__(
        self, *, client: aiohttp.ClientSession, fetcher: WebFetcher, config: Config, settings: Settings, tasks: Tasks
    ) -> None:
        self.requests = EngineRequests(client, fetcher, settings.aiohttp_client_timeout)
        self._config = config
        self._settings = settings
        self._tasks = tasks
        self._jobs = Automatic1111Jobs()

    def build_openai(self, user: User) -> OpenAIImages:
        get_text = self._config.get_text
        return OpenAIImages(
            self.requests,
            base_url=get_text(images_keys.IMAGE_GENERATION_OPENAI_API_BASE_URL),
            key=get_text(images_keys.IMAGE_GENERATION_OPENAI_API_KEY),
            api_version=get_text(images_keys.IMAGE_GENERATION_OPENAI_API_VERSION),
            headers=self._build_user_headers(user),
        )

    def build_openai_for_edits(self, user: User) -> OpenAIImages:
        get_text = self._config.get_text
        return OpenAIImages(
            self.requests,
            base_url=get_text(images_keys.IMAGES_EDIT_OPENAI_API_BASE_URL),
            key=get_text(images_keys.IMAGES_EDIT_OPENAI_API_KEY),
            api_version=get_text(images_keys.IMAGES_EDIT_OPENAI_API_VERSION),
            headers=self._build_user_headers(user),
        )

    def build_gemini(self) -> GeminiImages:
        get_text = self._config.get_text
        return GeminiImages(
            self.requests,
            base_url=get_text(images_keys.IMAGE_GENERATION_GEMINI_API_BASE_URL),
            key=get_text(images_keys.IMAGE_GENERATION_GEMINI_API_KEY),
        )

    def build_gemini_for_edits(self) -> GeminiImages:
        get_text = self._config.get_text
        return GeminiImages(
            self.requests,
            base_url=get_text(images_keys.IMAGES_EDIT_GEMINI_API_BASE_URL),
            key=get_text(images_keys.IMAGES_EDIT_GEMINI_API_KEY),
        )

    def build_automatic1111(self) -> Automatic1111:
        get_text = self._config.get_text
        return Automatic1111(
            self.requests,
            base_url=get_text(images_keys.IMAGE_GENERATION_AUTOMATIC1111_BASE_URL),
            authorization=encode_basic_auth(get_text(images_keys.IMAGE_GENERATION_AUTOMATIC1111_API_AUTH)),
            jobs=self._jobs,
            tasks=self._tasks,
        )

    def build_comfyui(self) -> ComfyUI:
        get_text = self._config.get_text
        return ComfyUI(
            self.requests,
            base_url=get_text(images_keys.IMAGE_GENERATION_COMFYUI_BASE_URL),
            key=get_text(images_keys.IMAGE_GENERATION_COMFYUI_API_KEY),
            tasks=self._tasks,
        )

    def build_comfyui_for_edits(self) -> ComfyUI:
        get_text = self._config.get_text
        return ComfyUI(
            self.requests,
            base_url=get_text(images_keys.IMAGES_EDIT_COMFYUI_BASE_URL),
            key=get_text(images_keys.IMAGES_EDIT_COMFYUI_API_KEY),
            tasks=self._tasks,
        )

    def _build_user_headers(self, user: User) -> dict[str, str]:
        return make_user_headers(user, self._settings) if self._settings.enable_forward_user_info_headers else {}
