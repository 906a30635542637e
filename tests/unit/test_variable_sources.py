"""Variables of stored configuration keys, from each source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastback.config.definitions import compute_defaults
from fastback.settings import read_environment


@pytest.mark.parametrize(
    ("variable", "key", "value"),
    [
        ("JWT_EXPIRES_IN", "auth.jwt_expiry", "8h"),
        ("ENABLE_SIGNUP", "ui.enable_signup", False),
        ("ENABLE_LOGIN_FORM", "ui.enable_login_form", False),
        ("ENABLE_API_KEY", "auth.enable_api_keys", True),
        ("ENABLE_API_KEYS", "auth.enable_api_keys", True),
        ("DEFAULT_USER_ROLE", "ui.default_user_role", "user"),
        ("ENABLE_OPENAI_API", "openai.enable", False),
        ("ENABLE_IMAGE_GENERATION", "image_generation.enable", True),
        ("ENABLE_CODE_EXECUTION", "code_execution.enable", False),
        ("ENABLE_WEB_SEARCH", "web.search.enable", True),
        ("TTS_ENGINE", "audio.tts.engine", "openai"),
        ("STT_ENGINE", "audio.stt.engine", "web"),
        ("CHUNK_SIZE", "rag.chunk_size", 777),
        ("CHUNK_OVERLAP", "rag.chunk_overlap", 77),
        ("RAG_TOP_K", "rag.top_k", 7),
    ],
)
def test_a_variable_may_come_from_each_source(variable: str, key: str, value: Any, tmp_path: Path) -> None:
    """Read it from the process, from a file of its own and from `.env`; the earlier of these sources wins."""
    text = str(value)
    secret, dotenv = tmp_path / "secret", tmp_path / ".env"
    secret.write_text(f"{text}\n")
    dotenv.write_text(f"{variable}={text}\n")
    assert compute_defaults({})[key] != value
    assert compute_defaults(read_environment(environ={variable: text}, dotenv=None))[key] == value
    assert compute_defaults(read_environment(environ={f"{variable}_FILE": str(secret)}, dotenv=None))[key] == value
    assert compute_defaults(read_environment(environ={}, dotenv=dotenv))[key] == value
    dotenv.write_text(f"{variable}=\n")
    assert compute_defaults(read_environment(environ={variable: text}, dotenv=dotenv))[key] == value
    assert compute_defaults(read_environment({variable: text}, environ={variable: ""}, dotenv=dotenv))[key] == value
