"""The events that webhooks get of sign-ins at a provider: the same as from the reference."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from conftest import Person, Server
from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.config import Config
from fastback.kit.bus import Bus
from oidc_provider import Browser, FakeProvider, build_environment, serve_provider


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with serve_provider() as running:
        yield running


@pytest.fixture
def environment(provider: FakeProvider) -> dict[str, str]:
    return build_environment(provider, DEFAULT_USER_ROLE="user")


async def test_sign_ins_publish_events(server: Server, ada: Person, provider: FakeProvider) -> None:
    settings = ("enable_group_mapping", "enable_group_creation", "enable_role_mapping", "update_name_on_login")
    await server.services.get(Config).set_many({f"oauth.{name}": True for name in settings})
    events: list[ActivityEvent] = []
    server.services.get(Bus).subscribe(ActivityEvent, events.append)
    server.services.get(ActivityListeners).add(lambda event: True)
    provider.claims = {"sub": "b", "email": "bob@example.net", "name": "Bob", "groups": ["chess"], "roles": ["user"]}
    browser = Browser(server.url)
    await browser.sign_in()
    assert [(event.event, event.source) for event in events] == [
        ("user.created", "oauth"),
        ("group.created", "oauth"),
        ("group.member_added", "oauth"),
        ("auth.login", "oauth"),
    ]
    created, group, member, login = events
    assert created.actor is not None and created.subject_id == created.actor.id
    assert created.data == {"role": "user", "provider": "oidc"}
    assert group.data == {"name": "chess"} and group.actor is None
    assert (member.subject_id, member.data) == (group.subject_id, {"user_ids": [created.subject_id]})
    assert login.data == {"auth_method": "oauth"}
    events.clear()
    provider.claims |= {"name": "Robert", "groups": ["rowing"], "roles": ["admin"]}
    await browser.sign_in()
    assert [event.event for event in events] == [
        *("user.role_updated", "user.updated", "group.created", "group.member_removed", "group.member_added"),
        "auth.login",
    ]
    assert events[0].data == {"role": "admin", "provider": "oidc"}
    assert events[1].data == {"updated_fields": ["name"], "provider": "oidc"}
    events.clear()
    (await browser.post("/api/v1/auths/signout")).ok()
    assert [(event.event, event.source, event.data) for event in events] == [
        ("auth.logout", "oauth", {"auth_method": "oauth", "provider": "oidc"})
    ]
