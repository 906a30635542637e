"""What strangers and users send does not freeze the server for everybody else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from conftest import Person, Server

SIGN_IN = "/api/v1/auths/signin"


@pytest.fixture
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    return dict(getattr(request, "param", {}))


@contextmanager
def measure_work(limit: float) -> Iterator[None]:
    """Fail if the server, and the test beside it, need more processor time than this."""
    started = time.process_time()
    yield
    assert time.process_time() - started < limit


@pytest.mark.parametrize("environment", [{"AUDIT_LOG_LEVEL": "METADATA"}], indirect=True)
@pytest.mark.parametrize("unit", ["a-", "eyJ-", "://:", "token=", "bearer+", "%7B%7B"])
async def test_a_long_address_costs_little(server: Server, unit: str) -> None:
    stranger = server.stranger()
    with measure_work(0.5):
        address = f"{SIGN_IN}?{unit * (32_000 // len(unit))}"
        assert (await stranger.post(address, {"email": "a@b.c", "password": "x"})).status in (400, 401)


@pytest.mark.parametrize(
    "system",
    [
        "{{ chat.variables.a |" + " " * 64_000,
        "{{ chat.variables.a |" * 3000,
        "{{chat.variables." * 3800,
        "{{chat.variables.a|text:" + "x=[{:" * 12_000 + "}}",
        "{{ user.variables.a " * 3000,
        "{{" * 32_000,
    ],
)
async def test_the_prompt_of_a_model_costs_little(ada: Person, system: str) -> None:
    form: dict[str, Any] = {
        "id": "pirate",
        "name": "Pirate",
        "base_model_id": "demo-small",
        "meta": {},
        "params": {"system": system},
    }
    (await ada.get("/api/models")).ok()
    with measure_work(0.5):
        (await ada.post("/api/v1/models/create", form)).ok()
        assert any(model["id"] == "pirate" for model in (await ada.get("/api/models")).ok()["data"])
    with measure_work(0.5):
        body = {"model": "pirate", "messages": [{"role": "user", "content": "Hi [[tokens 1]]"}]}
        assert (await ada.post("/api/chat/completions", body)).status == 200


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        ([{}] * 60_000, (413,)),
        ([{"file_id": 1, "a name that nobody has asked for, and that is long": 1}] * 50_000, (422,)),
        ([{"file_id": 1, "name": "x" * 400} for _ in range(9000)], (422,)),
        ({"a": [0] * 1_000_000}, (422,)),
    ],
)
async def test_a_large_invalid_body_costs_little(ada: Person, body: Any, statuses: tuple[int, ...]) -> None:
    content = json.dumps(body).encode()
    with measure_work(1):
        headers = {"content-type": "application/json"}
        reply = await ada.post("/api/v1/knowledge/1/files/batch/add", data=content, headers=headers)
    assert reply.status in statuses
    assert len(reply.body) < 1_000_000


async def test_values_of_a_prompt_do_not_multiply_without_limit(ada: Person) -> None:
    messages = [{"role": "system", "content": "{{a}}" * 20_000}, {"role": "user", "content": "Hi [[tokens 1]]"}]
    body = {"model": "demo-small", "messages": messages, "variables": {"{{a}}": "b" * 100_000}}
    (await ada.post("/api/chat/completions", body)).refused(
        400, "The system prompt is too long with its variables filled in."
    )
