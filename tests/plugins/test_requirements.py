"""Packages that plugins require: installed when they are saved and when the server starts, without any index here."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conftest import Person, Server
from fastback.features.plugins import imported_packages
from fastback.plugins.package_installer import PackageInstaller
from plugin_installation import ask, install_function, install_tool
from queued_model import QueuedModel
from waiting import wait_until
from wheel_directory import build_wheel, get_index_options

Environment = dict[str, str]


def write_plugin(requirements: str, body: str) -> str:
    return f'"""\ntitle: Example\nrequirements: {requirements}\n"""\n{body}'


TOOL = "import fb_greeter\n\nclass Tools:\n    def greet(self) -> str:\n        return fb_greeter.GREETING\n"
FILTER = """
import fb_greeter

class Filter:
    def inlet(self, body):
        body["messages"][-1]["content"] = fb_greeter.GREETING
        return body
"""


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    directory = tmp_path / "wheels"
    build_wheel(
        directory,
        "fb-greeter",
        "1.0",
        {"fb_greeter.py": "from fb_words import HELLO as GREETING"},
        requires=("fb-words",),
    )
    build_wheel(directory, "fb-greeter", "2.0", {"fb_greeter.py": "GREETING = 'Good evening'"})
    build_wheel(directory, "fb-words", "1.0", {"fb_words.py": "HELLO = 'Good morning'"})
    return directory


@pytest.fixture
def environment(model: QueuedModel, wheels: Path) -> Environment:
    return {**model.env, "PIP_PACKAGE_INDEX_OPTIONS": get_index_options(wheels)}


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastback.plugins.setup.CHECK_SECONDS", 0.1)


def get_question(model: QueuedModel) -> Any:
    return model.requests[-1]["messages"][-1]["content"]


async def test_packages_are_there_when_a_plugin_is_saved_and_called(
    server: Server, ada: Person, model: QueuedModel
) -> None:
    await install_function(
        ada, "plain", "class Filter:\n    def inlet(self, body):\n        return body", is_global=True
    )
    await ask(ada)  # the plugin process runs before the package is there
    await install_tool(ada, "greeter", write_plugin("None, asyncio, [list], fb-greeter < 2", TOOL))
    await install_function(ada, "greeting", write_plugin("fb-greeter<2", FILTER), is_global=True)
    await ask(ada)
    assert get_question(model) == "Good morning"
    stored = msgspec.json.decode((server.data_dir / "fastback_plugins" / "requirements.json").read_bytes())
    outcome = stored["outcomes"]["fb-greeter<2"]
    assert outcome["state"] == "installed" and sorted(outcome["packages"]) == ["fb-greeter 1.0", "fb-words 1.0"]


async def test_another_version_is_used_by_the_next_question(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "greeting", write_plugin("fb-greeter<2", FILTER), is_global=True)
    await ask(ada)
    form = {"id": "greeting", "name": "G", "content": write_plugin("fb-greeter>=2", FILTER), "meta": {}}
    (await ada.post("/api/v1/functions/id/greeting/update", form)).ok()

    async def is_greeted_otherwise() -> bool:
        await ask(ada)
        return bool(get_question(model) == "Good evening")

    await wait_until(is_greeted_otherwise)


async def test_a_package_that_cannot_be_installed_is_named_and_the_others_are_installed(
    server: Server, ada: Person
) -> None:
    form = {"id": "greeter", "name": "G", "content": write_plugin("fb-words, fb-nowhere", TOOL), "meta": {}}
    detail = (await ada.post("/api/v1/tools/create", form)).refused(400)
    assert detail.startswith("[ERROR: Error creating tool: fb-nowhere cannot be installed: No matching distribution")
    assert (server.data_dir / "fastback_plugins" / "fb_words.py").is_file()
    await install_tool(ada, "greeter", write_plugin("fb-words, fb-greeter", TOOL))
    form["content"] = write_plugin("fb-nowhere", TOOL)
    detail = (await ada.post("/api/v1/tools/id/greeter/update", form)).refused(400)
    assert detail.startswith("fb-nowhere cannot be installed: No matching distribution")


@pytest.mark.parametrize("switch", ["ENABLE_PIP_INSTALL_FRONTMATTER_REQUIREMENTS", "OFFLINE_MODE"])
async def test_nothing_is_installed_where_the_settings_forbid_it(
    start_server: Callable[..., Any], environment: Environment, switch: str
) -> None:
    async with start_server(**environment, **{switch: "true" if switch == "OFFLINE_MODE" else "false"}) as server:
        ada = await server.sign_up("Ada")
        form = {"id": "greeter", "name": "G", "content": write_plugin("fb-greeter", TOOL), "meta": {}}
        assert "No module named 'fb_greeter'" in (await ada.post("/api/v1/tools/create", form)).refused(400)
        assert not (server.data_dir / "fastback_plugins").exists()


async def test_what_open_webui_brings_along_is_installed_without_being_required(
    server: Server, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(imported_packages._PACKAGES, "fb_greeter", "fb-greeter")
    monkeypatch.setattr(imported_packages, "_IMPORT", re.compile(r"^([ \t]*)(?:import|from)[ \t]+(fb_greeter)\b", re.M))
    await install_tool(ada, "greeter", TOOL)
    assert (server.data_dir / "fastback_plugins" / "fb_greeter.py").is_file()


async def test_options_of_the_settings_are_passed_to_pip(
    start_server: Callable[..., Any], environment: Environment
) -> None:
    async with start_server(**environment, PIP_OPTIONS="--no-such-option") as server:
        ada = await server.sign_up("Ada")
        form = {"id": "greeter", "name": "G", "content": write_plugin("fb-greeter", TOOL), "meta": {}}
        assert "no such option: --no-such-option" in (await ada.post("/api/v1/tools/create", form)).refused(400)


async def test_chats_do_not_wait_long_for_packages(
    start_server: Callable[..., Any], environment: Environment, model: QueuedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = FILTER.replace("import fb_greeter", "class fb_greeter:\n    GREETING = 'Alone'")
    async with start_server(**environment) as server:
        ada = await server.sign_up("Ada")
        await install_function(ada, "greeting", write_plugin("fb-words", content), is_global=True)
    shutil.rmtree(server.data_dir / "fastback_plugins")

    async def wait_for_ever(installer: PackageInstaller, entries: list[str]) -> Any:
        await asyncio.sleep(600)

    monkeypatch.setattr(PackageInstaller, "_run_worker", wait_for_ever)
    monkeypatch.setattr("fastback.features.plugins.loading.INSTALLATION_WAIT_SECONDS", 0.2)
    async with start_server(**environment) as server:
        ada = Person(server.url, ada.token, ada.account)
        server.people.append(ada)
        await asyncio.wait_for(ask(ada), 10)
        assert get_question(model) == "Alone"


async def test_packages_are_installed_again_where_they_are_gone(
    start_server: Callable[..., Any], environment: Environment, model: QueuedModel
) -> None:
    async with start_server(**environment) as server:
        ada = await server.sign_up("Ada")
        await install_function(ada, "greeting", write_plugin("fb-greeter", FILTER), is_global=True)
        await install_tool(ada, "unused", write_plugin("fb-words", TOOL.replace("fb_greeter.GREETING", "''")))
    shutil.rmtree(server.data_dir / "fastback_plugins")
    async with start_server(**environment) as server:
        ada = Person(server.url, ada.token, ada.account)
        server.people.append(ada)
        await ask(ada)
        assert get_question(model) == "Good evening"
        await wait_until(lambda: (server.data_dir / "fastback_plugins" / "fb_words.py").is_file())
