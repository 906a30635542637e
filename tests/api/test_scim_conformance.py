"""The checks of `scim2-tester`, the conformance suite of the standard, against a running server."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server
from scim2_tester.utils import CheckResult

from conftest import Person, Server

TOKEN = "scim-token-of-an-identity-provider"


@pytest.fixture
def environment() -> dict[str, str]:
    return {"ENABLE_SCIM": "true", "SCIM_TOKEN": TOKEN, "SCIM_AUTH_PROVIDER": "oidc"}


def run_checks(url: str) -> list[CheckResult]:
    """Run every check as a client that knows nothing of the server but its address and the token."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx2.Client(base_url=f"{url}/api/v1/scim/v2", headers=headers, timeout=60) as http:
        return check_server(SyncSCIMClient(http))


async def test_the_interface_passes_every_check_of_the_standard(server: Server, ada: Person) -> None:
    results = await asyncio.to_thread(run_checks, server.url)
    problems = [
        f"{result.status.name} {result.title} {result.resource_type or ''}: {result.reason}"
        for result in results
        if result.status is not Status.SUCCESS
    ]
    print(dict(Counter(result.status.name for result in results)))
    assert problems == []
    assert {"User", "Group"} <= {result.resource_type for result in results}
    assert len(results) > 60
