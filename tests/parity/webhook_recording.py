"""The events that webhooks receive, step by step: recorded from the reference, to be compared with ours.

`python tests/parity/webhook_recording.py --reference …/bin/open-webui` writes `webhook_events.json`: the events of each
step.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from aiohttp import web

from fastback.demo.process import run_demo_server as running_upstream
from parity import reference
from parity.player import Player, open_player
from parity.plugins import TOOL
from parity.steps import Merged, Scenario, Step, delete, flatten_steps, get, patch, post

RECORDED = Path(__file__).with_name("webhook_events.json")
#: Webhooks on this machine are called only with these settings.
VARIABLES = {"ENABLE_LOCAL_WEB_FETCH": "true", "ENABLE_OLLAMA_API": "true"}
_BOB = {"principal_type": "user", "principal_id": "${bob.id}", "permission": "read"}
_PUBLIC = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_FILTER = '''"""
title: Quiet
"""
from pydantic import BaseModel


class Filter:
    class Valves(BaseModel):
        level: int = 0

    class UserValves(BaseModel):
        loud: bool = False
'''
_CHAT_CONTENT = {
    "title": "Soup",
    "models": ["demo-small"],
    "history": {
        "currentId": "a1",
        "messages": {
            "u1": {"id": "u1", "parentId": None, "childrenIds": ["a1"], "role": "user", "content": "Hi"},
            "a1": {"id": "a1", "parentId": "u1", "childrenIds": [], "role": "assistant", "content": "Ho", "done": True},
        },
    },
}
_CHATS, _FOLDERS, _GROUPS, _USERS = "/api/v1/chats", "/api/v1/folders", "/api/v1/groups", "/api/v1/users"
_AUTHS, _PROMPTS, _TOOLS, _FUNCTIONS = "/api/v1/auths", "/api/v1/prompts", "/api/v1/tools", "/api/v1/functions"
_SKILLS, _MODELS, _CONFIGS = "/api/v1/skills", "/api/v1/models", "/api/v1/configs"
_PROMPT = {"command": "hello", "name": "Hello", "content": "Hello {{you}}"}
_TOOL = {"id": "weather", "name": "Weather", "content": TOOL, "meta": {}}
_QUIET = {"id": "quiet", "name": "Quiet", "content": _FILTER, "meta": {}}
_SKILL = {"id": "carve", "name": "Carve", "description": "d", "content": "---\nname: carve\n---\nCut."}
_MODEL = {"id": "helper", "name": "Helper", "base_model_id": "demo-small", "params": {}, "meta": {}}
_CHAT = f"{_CHATS}/${{chat}}"


def _make_question(question: str, answer: str, **more: Any) -> dict[str, Any]:
    """Return the body of a question in the form in which the page sends it."""
    return {
        "stream": True,
        "model": "demo-small",
        "session_id": "nobody",
        "id": answer,
        "message_ids": [{"model_id": "demo-small", "message_id": answer, "modelIdx": 0}],
        "parent_id": None,
        "user_message": {
            "id": question,
            "parentId": None,
            "childrenIds": [answer],
            "role": "user",
            "content": "Hello [[tokens 2]]",
            "timestamp": 1700000000,
            "models": ["demo-small"],
        },
        "background_tasks": {},
        **more,
    }


_ACCOUNT_STEPS = flatten_steps(
    post("anonymous", f"{_AUTHS}/signin", {"email": "bob@example.com", "password": "correct horse battery"}),
    post("ada", f"{_AUTHS}/add", {"name": "Dan", "email": "dan@example.com", "password": "x" * 12, "role": "user"}),
    get("ada", f"{_USERS}/search", query={"query": "dan@"}, save={"dan": "$.users[0].id"}),
    post("bob", f"{_AUTHS}/update/profile", {"name": "Bob", "profile_image_url": "/user.png"}),
    post("bob", f"{_AUTHS}/update/timezone", {"timezone": "Europe/Rome"}),
    get("ada", f"{_AUTHS}/admin/config", save={"admin": "$"}),
    post("ada", f"{_AUTHS}/admin/config", Merged("${admin}", {"ENABLE_SIGNUP": True})),
    post(
        "anonymous",
        f"{_AUTHS}/signup",
        {"name": "Eve", "email": "eve@example.com", "password": "correct horse battery"},
        save={"eve.token": "$.token", "eve": "$.id"},
    ),
    post("ada", f"{_AUTHS}/api_key"),
    delete("ada", f"{_AUTHS}/api_key"),
    post("eve", f"{_AUTHS}/update/password", {"password": "correct horse battery", "new_password": "y" * 12}),
    get("ada", f"{_USERS}/default/permissions", save={"permissions": "$"}),
    get("ada", f"{_USERS}/default/permissions", save={"sharing": "$.sharing", "grants": "$.access_grants"}),
    post(
        "ada",
        f"{_USERS}/default/permissions",
        Merged(
            "${permissions}",
            {
                "sharing": Merged("${sharing}", {"folders": True}),
                "access_grants": Merged("${grants}", {"allow_users": True}),
            },
        ),
    ),
    post("bob", f"{_USERS}/user/settings/update", {"ui": {"a": 1}}),
    post("bob", f"{_USERS}/user/status/update", {"status_emoji": "x"}),
    post("ada", f"{_USERS}/${{dan}}/update", {"name": "Daniel", "role": "user", "email": "dan@example.com"}),
    post("ada", f"{_USERS}/${{dan}}/update", {"role": "pending", "password": "z" * 12}),
    post("ada", f"{_USERS}/${{dan}}/update", {"profile_image_url": "/user.png"}),
    post("ada", f"{_USERS}/${{dan}}/sessions/revoke"),
    delete("ada", f"{_USERS}/${{eve}}"),
    delete("ada", f"{_USERS}/${{eve}}"),
    # Groups.
    post("ada", f"{_GROUPS}/create", {"name": "Staff", "description": ""}, save={"staff": "$.id"}),
    post("ada", f"{_GROUPS}/create", {"name": "Kitchen", "description": ""}, save={"kitchen": "$.id"}),
    post(
        "ada",
        f"{_GROUPS}/id/${{kitchen}}/update",
        {"name": "Cooks", "description": "", "parent_group_id": "${staff}"},
    ),
    post("ada", f"{_GROUPS}/id/${{kitchen}}/update", {"name": "Cooks", "description": "All"}),
    post("ada", f"{_GROUPS}/id/${{kitchen}}/users/add", {"user_ids": ["${bob.id}", "nobody"]}),
    post("ada", f"{_GROUPS}/id/${{kitchen}}/users/remove", {"user_ids": ["${bob.id}"]}),
    delete("ada", f"{_GROUPS}/id/${{staff}}/delete"),
)
_CHAT_STEPS = flatten_steps(
    post("ada", f"{_CHATS}/new", {"chat": _CHAT_CONTENT}, save={"chat": "$.id"}),
    post("ada", f"{_CHATS}/import", {"chats": [{"chat": _CHAT_CONTENT, "meta": {}, "pinned": False}]}),
    post("ada", _CHAT, {"chat": {"title": "Leek soup"}}),
    patch("ada", f"{_CHAT}/params", {"params": {"seed": 1}}),
    post("ada", f"{_CHAT}/messages/u1", {"content": "Hello"}),
    post("ada", f"{_CHAT}/messages/a1/event", {"type": "status", "data": {"description": "x"}}),
    post("ada", f"{_CHAT}/pin"),
    post("ada", f"{_CHAT}/pin"),
    post("ada", f"{_CHAT}/archive"),
    post("ada", f"{_CHAT}/archive"),
    post("ada", f"{_CHAT}/clone", {}),
    post("ada", f"{_CHAT}/fork", {"message_id": "a1"}),
    post("ada", f"{_CHAT}/fork", {}),
    post("ada", f"{_CHAT}/share"),
    post("ada", f"{_CHAT}/share"),
    delete("ada", f"{_CHAT}/share"),
    post("ada", f"{_CHAT}/share"),
    delete("ada", f"{_CHATS}/share/all"),
    post("ada", f"{_CHAT}/tags", {"name": "Good food"}),
    post("ada", f"{_CHAT}/tags", {"name": "good Food"}),
    delete("ada", f"{_CHAT}/tags", {"name": "Good food"}),
    post("ada", f"{_CHATS}/archive/all"),
    post("ada", f"{_CHATS}/unarchive/all"),
    # Folders.
    post("ada", f"{_FOLDERS}/", {"name": "Food"}, save={"folder": "$.id"}),
    post("ada", f"{_FOLDERS}/", {"name": "Soups", "parent_id": "${folder}"}, save={"soups": "$.id"}),
    post("ada", f"{_FOLDERS}/${{folder}}/update", {"name": "Meals"}),
    post("ada", f"{_FOLDERS}/${{soups}}/update/parent", {"parent_id": None}),
    post("ada", f"{_FOLDERS}/${{soups}}/update/parent", {"parent_id": "${folder}"}),
    post("ada", f"{_FOLDERS}/${{folder}}/access/update", {"access_grants": [_BOB]}),
    post("ada", f"{_CHAT}/folder", {"folder_id": "${folder}"}),
    delete("ada", f"{_FOLDERS}/${{soups}}", query={"delete_contents": False}),
    delete("ada", f"{_FOLDERS}/${{folder}}", query={"delete_contents": False}),
    delete("ada", f"{_CHAT}/messages/a1"),
    delete("ada", _CHAT),
    delete("ada", _CHAT),
    post("ada", "/api/chat/completions", _make_question("q1", "r1"), save={"turn": "$.chat_id"}),
    post("ada", "/api/chat/completions", _make_question("q2", "r2", chat_id="${turn}", parent_id="r1"), pause=1.0),
    delete("ada", f"{_CHATS}/", pause=1.0),
)
_WORKSPACE_STEPS = flatten_steps(
    post("ada", f"{_PROMPTS}/create", _PROMPT, save={"prompt": "$.id", "first": "$.version_id"}),
    post("ada", f"{_PROMPTS}/id/${{prompt}}/update", {**_PROMPT, "content": "Hi"}),
    post("ada", f"{_PROMPTS}/id/${{prompt}}/update/meta", {"name": "Hi", "command": "hi"}),
    post("ada", f"{_PROMPTS}/id/${{prompt}}/update/version", {"version_id": "${first}"}),
    post("ada", f"{_PROMPTS}/id/${{prompt}}/access/update", {"access_grants": [_PUBLIC]}),
    post("ada", f"{_PROMPTS}/id/${{prompt}}/toggle"),
    post("ada", f"{_PROMPTS}/id/${{prompt}}/toggle"),
    delete("ada", f"{_PROMPTS}/id/${{prompt}}/delete"),
    post("ada", f"{_TOOLS}/create", _TOOL),
    get("ada", f"{_TOOLS}/id/weather/history", save={"old": "$[0].id"}),
    post("ada", f"{_TOOLS}/id/weather/update", {**_TOOL, "name": "Rain", "content": TOOL + "\n#"}),
    post("ada", f"{_TOOLS}/id/weather/update/version", {"version_id": "${old}"}),
    post("ada", f"{_TOOLS}/id/weather/access/update", {"access_grants": [_PUBLIC]}),
    post("ada", f"{_TOOLS}/id/weather/valves/update", {"days": 2}),
    post("bob", f"{_TOOLS}/id/weather/valves/user/update", {"unit": "F"}),
    delete("ada", f"{_TOOLS}/id/weather/delete"),
    post("ada", f"{_FUNCTIONS}/create", _QUIET),
    get("ada", f"{_FUNCTIONS}/id/quiet/history", save={"old": "$[0].id"}),
    post("ada", f"{_FUNCTIONS}/id/quiet/toggle"),
    post("ada", f"{_FUNCTIONS}/id/quiet/toggle/global"),
    post("ada", f"{_FUNCTIONS}/id/quiet/update", {**_QUIET, "content": _FILTER + "\n#"}),
    post("ada", f"{_FUNCTIONS}/id/quiet/update/version", {"version_id": "${old}"}),
    post("ada", f"{_FUNCTIONS}/id/quiet/valves/update", {"level": 2}),
    post("bob", f"{_FUNCTIONS}/id/quiet/valves/user/update", {"loud": True}),
    post("ada", f"{_FUNCTIONS}/id/quiet/toggle"),
    delete("ada", f"{_FUNCTIONS}/id/quiet/delete"),
    post("ada", f"{_SKILLS}/create", _SKILL, save={"skill": "$.id"}),
    get("ada", f"{_SKILLS}/id/${{skill}}/history", save={"old": "$[0].id"}),
    post("ada", f"{_SKILLS}/id/${{skill}}/update", {**_SKILL, "name": "Cut"}, save={"new": "$.version_id"}),
    post(
        "ada",
        f"{_SKILLS}/id/${{skill}}/update/version",
        {"version_id": "${old}", "expected_version_id": "${new}"},
    ),
    post("ada", f"{_SKILLS}/id/${{skill}}/access/update", {"access_grants": [_PUBLIC]}),
    post("ada", f"{_SKILLS}/id/${{skill}}/toggle"),
    delete("ada", f"{_SKILLS}/id/${{skill}}/delete"),
    post("ada", f"{_MODELS}/create", _MODEL),
    get("ada", f"{_MODELS}/model/history", query={"id": "helper"}, save={"old": "$[0].id"}),
    post("ada", f"{_MODELS}/model/update", {**_MODEL, "name": "Help"}),
    post("ada", f"{_MODELS}/model/update/version", {"version_id": "${old}"}, query={"id": "helper"}),
    post("ada", f"{_MODELS}/model/toggle", query={"id": "helper"}),
    post("ada", f"{_MODELS}/model/access/update", {"id": "helper", "access_grants": [_PUBLIC]}),
    post("ada", f"{_MODELS}/import", {"models": [{**_MODEL, "id": "other"}]}),
    post("ada", f"{_MODELS}/model/delete", {"id": "other"}),
    post("ada", f"{_MODELS}/model/delete", {"id": "other"}),
    get("ada", f"{_MODELS}/export", save={"exported": "$"}),
    post("ada", f"{_MODELS}/sync", {"models": "${exported}"}),
    delete("ada", f"{_MODELS}/delete/all"),
)
_NOTES, _MEMORIES, _FILES, _KNOWLEDGE = "/api/v1/notes", "/api/v1/memories", "/api/v1/files", "/api/v1/knowledge"
_FEEDBACK = "/api/v1/evaluations/feedback"
_KNOWLEDGE_ITEM = f"{_KNOWLEDGE}/${{knowledge}}"
_RECORD_STEPS = flatten_steps(
    post("ada", f"{_NOTES}/create", {"title": "Menu", "data": {"content": {"md": "Soup"}}}, save={"note": "$.id"}),
    post("ada", f"{_NOTES}/${{note}}/update", {"title": "Menu of today", "data": {"content": {"md": "Leek"}}}),
    post("ada", f"{_NOTES}/${{note}}/access/update", {"access_grants": [_PUBLIC]}),
    post("ada", f"{_NOTES}/${{note}}/pin"),
    delete("ada", f"{_NOTES}/${{note}}/delete"),
    post("ada", f"{_MEMORIES}/add", {"content": "Likes leek"}, save={"memory": "$.id"}),
    post("ada", f"{_MEMORIES}/${{memory}}/update", {"content": "Likes leeks"}),
    delete("ada", f"{_MEMORIES}/${{memory}}"),
    post("ada", f"{_MEMORIES}/add", {"content": "Likes soup"}),
    delete("ada", f"{_MEMORIES}/delete/user"),
    Step(
        "ada",
        "POST",
        f"{_FILES}/",
        form={"file": ["menu.txt", "Soup of leeks", "text/plain"]},
        query={"process_in_background": False},
        save={"file": "$.id"},
    ),
    post("ada", f"{_FILES}/${{file}}/rename", {"filename": "dinner.txt"}),
    post("ada", f"{_FILES}/${{file}}/data/content/update", {"content": "Soup of onions"}),
    post("ada", f"{_KNOWLEDGE}/create", {"name": "Cellar", "description": "Stock"}, save={"knowledge": "$.id"}),
    post("ada", f"{_KNOWLEDGE_ITEM}/update", {"name": "Cellars", "description": "Stock"}),
    post("ada", f"{_KNOWLEDGE_ITEM}/access/update", {"access_grants": [_PUBLIC]}),
    post("ada", f"{_KNOWLEDGE_ITEM}/dirs/create", {"name": "Wines"}, save={"dir": "$.id"}),
    post("ada", f"{_KNOWLEDGE_ITEM}/dirs/${{dir}}/update", {"name": "Red wines"}),
    post("ada", f"{_KNOWLEDGE_ITEM}/file/add", {"file_id": "${file}"}),
    post("ada", f"{_KNOWLEDGE_ITEM}/file/move", {"file_id": "${file}", "directory_id": "${dir}"}),
    post("ada", f"{_KNOWLEDGE_ITEM}/file/update", {"file_id": "${file}"}),
    post("ada", f"{_KNOWLEDGE_ITEM}/file/remove", {"file_id": "${file}"}, query={"delete_file": False}),
    delete("ada", f"{_KNOWLEDGE_ITEM}/dirs/${{dir}}/delete"),
    post("ada", f"{_KNOWLEDGE_ITEM}/reset"),
    delete("ada", f"{_KNOWLEDGE_ITEM}/delete"),
    delete("ada", f"{_FILES}/${{file}}"),
    post("ada", _FEEDBACK, {"type": "rating", "data": {"rating": 1}, "meta": {}}, save={"feedback": "$.id"}),
    post("ada", f"{_FEEDBACK}/${{feedback}}", {"type": "rating", "data": {"rating": -1}, "meta": {}}),
    delete("ada", f"{_FEEDBACK}/${{feedback}}"),
    delete("ada", "/api/v1/evaluations/feedbacks"),
)
_ADMINISTRATION_STEPS = flatten_steps(
    post("ada", f"{_CONFIGS}/import", {"config": {"ui.watermark": "x"}}),
    post("ada", f"{_CONFIGS}/interface/visibility", {"visibility": {"notes": True}}),
    get("ada", f"{_CONFIGS}/connections", save={"c": "$"}),
    post("ada", f"{_CONFIGS}/connections", "${c}"),
    post("ada", f"{_CONFIGS}/tool_servers", {"TOOL_SERVER_CONNECTIONS": []}),
    post("ada", f"{_CONFIGS}/terminal_servers", {"TERMINAL_SERVER_CONNECTIONS": []}),
    get("ada", f"{_CONFIGS}/code_execution", save={"c": "$"}),
    post("ada", f"{_CONFIGS}/code_execution", "${c}"),
    get("ada", f"{_CONFIGS}/models", save={"c": "$"}),
    post("ada", f"{_CONFIGS}/models", Merged("${c}", {"MODEL_ORDER_LIST": ["demo-small"]})),
    get("ada", f"{_CONFIGS}/subagents", save={"c": "$"}),
    post("ada", f"{_CONFIGS}/subagents", "${c}"),
    post("ada", f"{_CONFIGS}/suggestions", {"suggestions": [{"title": ["a", "b"], "content": "c"}]}),
    post("ada", f"{_CONFIGS}/banners", {"banners": []}),
    get("ada", "/api/v1/retrieval/embedding", save={"c": "$"}),
    post("ada", "/api/v1/retrieval/embedding/update", "${c}"),
    get("ada", "/api/v1/images/config", save={"c": "$"}),
    post("ada", "/api/v1/images/config/update", "${c}"),
    get("ada", "/openai/config", save={"c": "$"}),
    post("ada", "/openai/config/update", "${c}"),
    get("ada", "/ollama/config", save={"c": "$"}),
    post("ada", "/ollama/config/update", "${c}"),
    post("ada", "/ollama/api/copy/0", {"source": "llama-demo:latest", "destination": "mine"}),
    delete("ada", "/ollama/api/delete/0", {"model": "mine"}),
    post(
        "ada",
        "/api/chat/completions",
        {"model": "demo-small", "messages": [{"role": "user", "content": "demo-error-500"}], "stream": False},
    ),
    post("bob", f"{_AUTHS}/signout"),
)
_MFA = f"{_AUTHS}/mfa"


def _send_code(path: str, code: str = "${code}", **more: Any) -> Step:
    """Return the step that sends a code for the challenge of Ada's sign-in."""
    form = {"challenge_token": "${challenge}", "code": code, "recovery": len(code) > 7}
    return post("anonymous", f"{_MFA}{path}", form, save={"ada.token": "$.token"}, **more)


_SIGN_IN = post(
    "anonymous",
    f"{_AUTHS}/signin",
    {"email": "ada@example.com", "password": "correct horse battery"},
    save={"challenge": "$.challenge_token"},
)
_SECOND_FACTOR_STEPS = flatten_steps(
    post("ada", f"{_AUTHS}/admin/config", Merged("${admin}", {"ENABLE_MFA": True})),
    _SIGN_IN,
    post("anonymous", f"{_MFA}/enroll/start", {"challenge_token": "${challenge}"}, save={"key": "$.manual_key"}),
    post("anonymous", f"{_MFA}/enroll/confirm", {"challenge_token": "${challenge}", "code": "000000"}),
    post(
        "anonymous",
        f"{_MFA}/enroll/confirm",
        {"challenge_token": "${challenge}", "code": "${code}"},
        code_of="key",
        save={"recovery.code": "$.recovery_codes[0]"},
    ),
    _SIGN_IN,
    post("anonymous", f"{_MFA}/verify", {"challenge_token": "${challenge}", "code": "000000"}),
    _send_code("/verify", "${recovery.code}"),
    post(
        "ada",
        f"{_MFA}/recovery/codes",
        {"code": "${code}"},
        code_of="key",
        save={"recovery.code": "$.recovery_codes[0]", "other.code": "$.recovery_codes[1]"},
    ),
    _SIGN_IN,
    _send_code("/verify", "${recovery.code}"),
    post(
        "ada",
        f"{_MFA}/replace",
        {"code": "${other.code}", "recovery": True},
        save={"challenge": "$.challenge_token"},
    ),
    post("anonymous", f"{_MFA}/enroll/start", {"challenge_token": "${challenge}"}, save={"key": "$.manual_key"}),
    post("anonymous", f"{_MFA}/enroll/confirm", {"challenge_token": "${challenge}", "code": "${code}"}, code_of="key"),
)
STEPS = (
    *_ACCOUNT_STEPS,
    *_CHAT_STEPS,
    *_WORKSPACE_STEPS,
    *_RECORD_STEPS,
    *_ADMINISTRATION_STEPS,
    *_SECOND_FACTOR_STEPS,
)
SCENARIO = Scenario("webhook_events", "The events that webhooks receive", STEPS)


class WebhookReceiver:
    """A webhook that stores the events it receives."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[dict[str, Any]] = []
        self._arrived = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.received.append(await request.json())
        self._arrived.set()
        return web.Response()

    async def wait_until_quiet(self, quiet: float, at_least: int = 0) -> None:
        """Wait for `at_least` events, three seconds at most, and then until no event arrives for `quiet` seconds."""
        deadline = asyncio.get_running_loop().time() + 3
        while True:
            self._arrived.clear()
            is_complete = len(self.received) >= at_least
            timeout = quiet if is_complete else max(0.0, deadline - asyncio.get_running_loop().time())
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout)
            except TimeoutError:
                return


@asynccontextmanager
async def run_webhook_receiver() -> AsyncIterator[WebhookReceiver]:
    """Run a webhook on this machine."""
    receiver = WebhookReceiver()
    application = web.Application()
    application.router.add_post("/hook", receiver.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


def _make_comparable(event: dict[str, Any]) -> dict[str, Any]:
    """Return the compared parts of an event, without trailing white space of an answer: Fastback does not store it."""
    if event["event"] == "chat.finished":
        event["data"]["message"] = event["data"]["message"].rstrip()
    actor = event["actor"] or {}
    compared = {
        name: event[name] for name in ("event", "resource", "operation", "source", "subject", "data", "message")
    }
    return {**compared, "actor": {name: actor.get(name) for name in ("name", "role", "type")}}


async def record_events(
    url: str, upstream: str, data_dir: Path, expected: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """Play all steps; return the label, status and events of each, the events by name.

    `expected` is a recording: it tells how many events to wait for after each step.
    """
    recorded: list[dict[str, Any]] = []
    async with run_webhook_receiver() as receiver, open_player(SCENARIO, url, upstream, str(data_dir)) as player:
        await player.play(post("ada", "/api/events/webhooks", {"url": receiver.url, "events": ["*"]}))
        await receiver.wait_until_quiet(0.3)
        for index, step in enumerate(STEPS):
            receiver.received.clear()
            answer = await player.play(step)
            expected_count = len(expected[index]["events"]) if expected is not None else 0
            await receiver.wait_until_quiet(0.02 if expected is not None else 0.5, expected_count)
            events = _sort_events(player, receiver.received)
            recorded.append({"step": step.label, "status": answer["status"], "events": events})
    return recorded


def _sort_events(player: Player, received: list[dict[str, Any]]) -> list[Any]:
    events = sorted(map(_make_comparable, received), key=lambda event: (event["event"], json.dumps(event["data"])))
    return [player.normaliser.normalise_value(event) for event in events]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="path of open-webui")
    arguments = parser.parse_args()
    if not arguments.reference:
        parser.error("say where the reference is: --reference, or FASTBACK_REFERENCE")
    with (
        tempfile.TemporaryDirectory(prefix="parity-") as folder,
        running_upstream() as upstream,
        reference.run_reference(arguments.reference, Path(folder), upstream, VARIABLES) as served,
    ):
        steps = asyncio.run(record_events(served.url, upstream, Path(folder)))
    lines = ",\n".join(json.dumps(step, ensure_ascii=False) for step in steps)
    RECORDED.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    for step in steps:
        print(step["status"], step["step"], [event["event"] for event in step["events"]])


if __name__ == "__main__":
    main()
