"""Sign-ins at a provider have the redirects, cookies and results that they have in the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import run_server
from oidc_provider import build_environment, serve_provider
from parity import oauth_recording
from prepared_database import postgres_database

pytestmark = pytest.mark.parity


async def test_sign_ins_are_those_of_the_reference(database: str, tmp_path: Path) -> None:
    expected = json.loads(oauth_recording.RECORDED.read_text(encoding="utf-8"))
    async with serve_provider() as provider:
        env = build_environment(provider, **oauth_recording.VARIABLES)
        if database == "postgres":
            async with (
                postgres_database() as address,
                run_server({**env, "DATABASE_URL": address}, tmp_path, database) as server,
            ):
                actual = await oauth_recording.Story(server.url, provider).play()
        else:
            async with run_server(env, tmp_path, database) as server:
                actual = await oauth_recording.Story(server.url, provider).play()
    assert [step["step"] for step in actual] == [step["step"] for step in expected], "record it again"
    differences = [
        f"{step['step']}{difference}"
        for step, recorded in zip(actual, expected, strict=True)
        for difference in _find_differences(recorded["answer"], step["answer"])
    ]
    assert not differences, "\n".join(differences)


def _find_differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        names = sorted({*expected, *actual})
        return [
            text for name in names for text in _find_differences(expected.get(name), actual.get(name), f"{path} {name}")
        ]
    return [] if expected == actual else [f"{path}: {actual!r} instead of {expected!r}"]
