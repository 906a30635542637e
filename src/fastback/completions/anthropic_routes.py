"""Anthropic's Messages API over any model: converted to a chat completion and back."""

from __future__ import annotations

from fastback.kit.http import Router

router = Router("/api")
