"""The stored configuration: defaults out of variables, the table, changes, and rows of earlier versions."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conftest import postgres_database
from fastback import app
from fastback.config import Config, ConfigChanged
from fastback.config.definitions import KEY_DEFINITIONS, compute_defaults
from fastback.config.legacy_file import flatten_config_file
from fastback.config.row_repair import OBJECT_KEYS, plan_row_repair
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.settings import load_settings

OPENAI = "https://api.openai.com/v1"

#: What Open WebUI 0.12.4 has by default, read off it while it ran; besides two texts that we wrote ourselves.
RECORDED = json.loads(Path(__file__).with_name("config_defaults.json").read_text(encoding="utf-8"))


# Defaults


def test_defaults_are_those_of_open_webui() -> None:
    ours = compute_defaults({})
    assert len(ours) == 431
    assert {key: ours[key] for key in RECORDED} == RECORDED
    assert {key: type(ours[key]) for key in RECORDED} == {key: type(value) for key, value in RECORDED.items()}
    assert set(ours) - set(RECORDED) == {"rag.template", "image_generation.comfyui.workflow"}


def test_our_own_texts_are_usable() -> None:
    ours = compute_defaults({})
    assert ours["rag.template"].count("{{CONTEXT}}") == 1
    assert "[context]" not in ours["rag.template"]
    nodes = json.loads(ours["image_generation.comfyui.workflow"])
    links = [value for node in nodes.values() for value in node["inputs"].values() if isinstance(value, list)]
    assert links
    assert all(node in nodes and isinstance(output, int) for node, output in links)


@pytest.mark.parametrize(
    ("variables", "key", "value"),
    [
        ({"ENABLE_WEB_SEARCH": "TRUE"}, "web.search.enable", True),
        ({"ENABLE_WEB_SEARCH": "1"}, "web.search.enable", False),
        ({"ENABLE_CODE_EXECUTION": ""}, "code_execution.enable", False),
        ({"ENABLE_SIGNUP": "true", "WEBUI_AUTH": "False"}, "ui.enable_signup", False),
        ({"ENABLE_API_KEY": "true"}, "auth.enable_api_keys", True),
        ({"ENABLE_IMAGE_GENERATION": "true"}, "image_generation.enable", True),
        ({"TTS_ENGINE": "openai"}, "audio.tts.engine", "openai"),
        ({"AUDIO_STT_ENGINE": "web", "STT_ENGINE": "openai"}, "audio.stt.engine", "web"),
        ({"JWT_EXPIRES_IN": "12h"}, "auth.jwt_expiry", "12h"),
        ({"CHUNK_SIZE": " 500 ", "CHUNK_OVERLAP": "5"}, "rag.chunk_size", 500),
        ({"RAG_TOP_K": "8"}, "rag.top_k", 8),
        ({"RAG_TOP_K": "eight"}, "rag.top_k", 3),
        ({"RAG_FILE_MAX_SIZE": "25"}, "rag.file.max_size", 25),
        ({"RAG_FILE_MAX_SIZE": ""}, "rag.file.max_size", None),
        ({"SKILL_CONTENT_MAX_CHARS": "-1"}, "skills.content_max_chars", None),
        ({"RAG_RELEVANCE_THRESHOLD": "0.25"}, "rag.relevance_threshold", 0.25),
        ({"CONTEXT_COMPACTION_RETENTION_PERCENTAGE": "90"}, "chat.context_compaction.retention_percentage", 50),
        ({"DEFAULT_MODELS": "123"}, "ui.default_models", "123"),
        ({"DEFAULT_MODELS": "a,b"}, "ui.default_models", "a,b"),
        ({"ADMIN_EMAIL": ""}, "auth.admin.email", ""),
        ({"CONTENT_EXTRACTION_ENGINE": "Tika"}, "rag.content_extraction_engine", "tika"),
        ({"AUDIO_STT_ALLOWED_EXTENSIONS": " mp3, ,wav"}, "audio.stt.allowed_extensions", ["mp3", "wav"]),
        ({"YOUTUBE_LOADER_LANGUAGE": "en,de"}, "rag.youtube_loader_language", ["en", "de"]),
        ({"WEB_SEARCH_DOMAIN_FILTER_LIST": '["a.com"]'}, "web.search.domain.filter_list", ["a.com"]),
        ({"WEB_SEARCH_DOMAIN_FILTER_LIST": "a.com"}, "web.search.domain.filter_list", []),
        ({"MINERU_PARAMS": "[]"}, "rag.mineru_params", {}),
        ({"TASK_MODEL_PARAMS": '{"temperature": 0}'}, "task.model.params", {"temperature": 0}),
        ({"DEFAULT_PROMPT_SUGGESTIONS": "[]"}, "ui.prompt_suggestions", []),
        ({"DEFAULT_PROMPT_SUGGESTIONS": "oops"}, "ui.prompt_suggestions", None),
        ({"UI_VISIBILITY": '{"a": true}'}, "ui.visibility", {"a": True}),
        ({"UI_VISIBILITY": '{"a": 1}'}, "ui.visibility", {}),
        ({"EVALUATION_ARENA_MODELS": "[1]"}, "evaluation.arena.models", []),
        ({"OAUTH_GROUP_DEFAULT_SHARE": " Members"}, "oauth.group_default_share", "members"),
        ({"OAUTH_ALLOWED_ROLES": "a|b", "OAUTH_ROLES_SEPARATOR": "|"}, "oauth.allowed_roles", ["a", "b"]),
        ({"OAUTH_GROUP_CLAIM": "teams"}, "oauth.group_claim", "teams"),
        ({"LDAP_SEARCH_FILTERS": "(a=b)"}, "ldap.server.search_filter", "(a=b)"),
        ({"OPENAI_API_BASE_URL": "http://a/v1/"}, "openai.api_base_urls", ["http://a/v1"]),
        (
            {"OPENAI_API_BASE_URLS": "http://a/v1; http://b;"},
            "openai.api_base_urls",
            ["http://a/v1", "http://b", OPENAI],
        ),
        ({"OPENAI_API_KEYS": "", "OPENAI_API_KEY": "k"}, "openai.api_keys", ["k"]),
        ({"OPENAI_API_KEYS": "k1;;k3"}, "openai.api_keys", ["k1", "", "k3"]),
        ({"OPENAI_API_KEY": "k"}, "audio.tts.openai.api_key", "k"),
        ({"OPENAI_API_KEYS": "k1;k2", "OPENAI_API_BASE_URLS": f"http://a;{OPENAI}"}, "rag.openai.api_key", "k2"),
        ({"OPENAI_API_KEY": "k", "OPENAI_API_BASE_URL": "http://a"}, "rag.openai.api_key", ""),
        ({"OPENAI_API_BASE_URL": "http://a"}, "rag.openai.api_base_url", OPENAI),
        ({"OLLAMA_API_BASE_URL": "http://o:1/api"}, "ollama.base_urls", ["http://o:1"]),
        ({"OLLAMA_BASE_URL": "http://o:1/", "OLLAMA_BASE_URLS": ""}, "ollama.base_urls", ["http://o:1"]),
        ({"OLLAMA_BASE_URLS": "http://a;http://b"}, "ollama.base_urls", ["http://a", "http://b"]),
        ({"OLLAMA_BASE_URL": "/ollama", "ENV": "prod"}, "ollama.base_urls", ["http://host.docker.internal:11434"]),
        ({"OLLAMA_BASE_URL": "http://o:1"}, "rag.ollama.base_url", "http://o:1"),
    ],
)
def test_variables(variables: dict[str, str], key: str, value: Any) -> None:
    found = compute_defaults(variables)[key]
    assert found == value
    assert type(found) is type(value)


def test_a_leaf_of_the_permissions() -> None:
    tree = compute_defaults(
        {"USER_PERMISSIONS_CHAT_DELETE": "False", "USER_PERMISSIONS_WORKSPACE_MODELS_ACCESS": "true"}
    )
    plain = compute_defaults({})["user.permissions"]
    assert tree["user.permissions"]["chat"] == {**plain["chat"], "delete": False}
    assert tree["user.permissions"]["workspace"] == {**plain["workspace"], "models": True}


def test_banners_have_every_field() -> None:
    text = '[{"id": "1", "type": "info", "content": "Hi", "dismissible": true, "timestamp": 5, "more": 1}]'
    (banner,) = compute_defaults({"WEBUI_BANNERS": text})["ui.banners"]
    assert list(banner) == ["i18n", "id", "type", "title", "content", "dismissible", "timestamp"]
    assert compute_defaults({"WEBUI_BANNERS": '[{"id": "1"}]'})["ui.banners"] == []


def test_a_variable_that_makes_no_sense_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert compute_defaults({"TASK_MODEL_PARAMS": "{"})["task.model.params"] == {}
    assert "TASK_MODEL_PARAMS is invalid and skipped, expected a JSON object" in caplog.text


def test_defaults_are_nobody_elses() -> None:
    compute_defaults({})["audio.stt.allowed_extensions"].append("exe")
    assert "exe" not in KEY_DEFINITIONS["audio.stt.allowed_extensions"].fallback


# The table


class House:
    """A database, and configurations loaded from it."""

    def __init__(self, db: Database, path: Path) -> None:
        self.db = db
        self.path = path
        self.events: list[frozenset[str]] = []
        #: Of the configuration that was loaded last.
        self.bus = Bus()

    async def load(self, **variables: str) -> Config:
        self.bus = bus = Bus()
        bus.subscribe(ConfigChanged, lambda event: self.events.append(event.keys))
        settings = load_settings({"DATA_DIR": str(self.path), **variables}, dotenv=None)
        config = await Config.load(self.db, settings, bus, variables)
        self.events.clear()
        return config

    async def put(self, values: dict[str, Any]) -> None:
        for key, value in values.items():
            text = 'INSERT INTO config ("key", value, updated_at) VALUES (:key, :value, 5)'
            await self.db.execute("test.put", text, key=key, value=json.dumps(value))

    async def rows(self) -> dict[str, Any]:
        class Row(msgspec.Struct):
            key: str
            value: msgspec.Raw

        found = await self.db.fetch_all(Row, "test.rows", 'SELECT "key", value FROM config')
        return {row.key: msgspec.json.decode(row.value) for row in found}

    async def written_at(self, key: str) -> int:
        text = 'SELECT updated_at FROM config WHERE "key" = :key'
        return int(await self.db.fetch_value("test.written_at", text, key=key))


@pytest.fixture
async def house(database: str, tmp_path: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        variables = {"DATA_DIR": str(tmp_path)}
        if database == "postgres":
            variables["DATABASE_URL"] = await stack.enter_async_context(postgres_database())
        db = await app.open_database(load_settings(variables, dotenv=None))
        stack.push_async_callback(db.close)
        yield House(db, tmp_path)


async def test_the_first_start_writes_every_key_but_those_of_oauth(house: House) -> None:
    config = await house.load(ENABLE_SIGNUP="false", OAUTH_CLIENT_ID="me")
    rows = await house.rows()
    assert set(rows) == {key for key in KEY_DEFINITIONS if not key.startswith("oauth.")}
    assert {key: rows[key] for key in RECORDED if key in rows} == {
        **{key: value for key, value in RECORDED.items() if key in rows},
        "ui.enable_signup": False,
    }
    assert abs(await house.written_at("ui.enable_signup") - time.time()) < 60
    assert config.get("oauth.client_id") == "me"
    assert config.version == 1


async def test_a_stored_value_wins_from_then_on(house: House) -> None:
    await house.load(ENABLE_SIGNUP="false")
    config = await house.load(ENABLE_SIGNUP="true", ENABLE_API_KEYS="true")
    assert config.get_bool("ui.enable_signup") is False
    assert config.get_bool("auth.enable_api_keys") is False
    assert config.get_default("ui.enable_signup") is True


async def test_without_persistence_variables_count_and_the_table_stays(house: House) -> None:
    await house.put({"ui.enable_signup": False, "rag.web.search.engine": "x"})
    config = await house.load(ENABLE_PERSISTENT_CONFIG="false", DEFAULT_LOCALE="de-DE")
    await config.set("ui.default_locale", "fr-FR")
    assert config.get_bool("ui.enable_signup") is True
    await config.reload()
    assert config.get_text("ui.default_locale") == "fr-FR"  # as long as the process lives
    assert config.get_default("ui.default_locale") == "de-DE"
    assert await house.rows() == {"ui.enable_signup": False, "rag.web.search.engine": "x"}


async def test_keys_of_oauth_are_kept_when_asked(house: House) -> None:
    await house.put({"oauth.client_id": "stored"})
    config = await house.load(OAUTH_CLIENT_ID="given")
    assert config.get("oauth.client_id") == "given"
    await config.set("oauth.client_id", "changed")
    assert (await house.rows())["oauth.client_id"] == "stored"
    kept = await house.load(OAUTH_CLIENT_ID="given", ENABLE_OAUTH_PERSISTENT_CONFIG="true")
    assert kept.get("oauth.client_id") == "stored"
    assert "oauth.scopes" in await house.rows()


async def test_a_reset_at_start_writes_everything_anew(house: House) -> None:
    await house.put({"ui.enable_signup": False, "somebody.elses": 1})
    config = await house.load(RESET_CONFIG_ON_START="true")
    assert config.get_bool("ui.enable_signup") is True
    assert "somebody.elses" not in await house.rows()


async def test_rows_that_are_not_ours_stay(house: House) -> None:
    strange = {"x.list": [1, {"a": None}], "x.text": 'ü "quoted"', "x.number": 0.5, "x.null": None, "x.digits": "300"}
    await house.put(strange)
    config = await house.load()
    assert {key: config.get(key, "?") for key in strange} == strange
    assert config.get_namespace("x") == strange
    assert strange.items() <= config.get_all().items()
    assert {key: value for key, value in (await house.rows()).items() if key in strange} == strange


# Changes


async def test_a_change_is_written_announced_and_read_by_the_next(house: House) -> None:
    config = await house.load()
    before = config.version
    values = {"ui.default_models": "a", "models.default_params": {"top_p": 0.9, "stop": ["ü"]}, "rag.top_k": 7}
    await config.set_many(values)
    assert config.version == before + 1
    assert house.events == [frozenset(values)]
    assert {key: config.get(key) for key in values} == values
    assert {key: (await house.rows())[key] for key in values} == values
    reloaded = await house.load()
    assert {key: reloaded.get(key) for key in values} == values


async def test_what_was_given_may_change_without_changing_the_configuration(house: House) -> None:
    config = await house.load()
    given: dict[str, Any] = {"a": [1]}
    await config.set("models.default_params", given)
    given["a"].append(2)
    assert config.get_object("models.default_params") == {"a": [1]}


async def test_a_change_that_fails_changes_nothing(house: House) -> None:
    config = await house.load()
    version = config.version
    with pytest.raises(TypeError):
        await config.set_many({"rag.top_k": 9, "ui.watermark": object()})
    await house.db.execute("test.drop", "ALTER TABLE config RENAME TO config_away")
    with pytest.raises(Exception, match="config"):
        await config.set_many({"rag.top_k": 9})
    assert config.get("rag.top_k") == 3
    assert config.version == version
    assert house.events == []


async def test_keys_get_their_defaults_back(house: House) -> None:
    config = await house.load(RAG_TOP_K="5")
    await config.set_many({"rag.top_k": 9, "mine": 1, "oauth.scopes": "x"})
    await config.reset(["rag.top_k", "mine", "oauth.scopes"])
    assert config.get("rag.top_k") == 5
    assert config.get("mine", "gone") == "gone"
    assert config.get_text("oauth.scopes") == "openid email profile"
    assert not {"rag.top_k", "mine"} & set(await house.rows())
    assert house.events[-1] == {"rag.top_k", "mine", "oauth.scopes"}


async def test_what_another_process_wrote_is_found_on_reading_again(house: House) -> None:
    one, other = await house.load(), await house.load()
    await other.set_many({"rag.top_k": 9, "mine": [1]})
    assert one.get("rag.top_k") == 3
    version = one.version
    house.events.clear()
    await one.reload()
    assert (one.get("rag.top_k"), one.get("mine")) == (9, [1])
    assert house.events == [{"rag.top_k", "mine"}]
    assert one.version == version + 1
    await one.reload()
    assert one.version == version + 1


async def test_a_listener_may_change_the_configuration(house: House) -> None:
    config = await house.load()

    async def react(event: ConfigChanged) -> None:
        if "rag.top_k" in event.keys:
            await config.set("rag.top_k_reranker", config.get("rag.top_k"))

    house.bus.subscribe(ConfigChanged, react)
    await config.set("rag.top_k", 11)
    assert config.get("rag.top_k_reranker") == 11


async def test_values_as_types(house: House) -> None:
    config = await house.load()
    await config.set_many({"a": None, "b": "12", "c": [1], "d": {"e": 1}, "f": ""})
    assert [config.get_text(key) for key in "ab"] == ["", "12"]
    assert [config.get_number(key) for key in "abcf"] == [None, 12.0, None, None]
    assert (config.get_list("c"), config.get_list("d")) == ([1], [])
    assert (config.get_object("d"), config.get_object("c")) == ({"e": 1}, {})
    assert (config.get_bool("a"), config.get_bool("c")) == (False, True)


# Rows of earlier versions


def test_an_object_is_gathered_from_its_leaves() -> None:
    rows = {
        "openai.api_configs": {"0": {"enable": False, "tags": []}},
        "openai.api_configs.0.enable": True,
        "openai.api_configs.0.azure.region": "eu",
        "OPENAI_API_CONFIGS.https://api.example.com/v1.prefix_id": "ex",
        "openai.api_configs.unheard-of": 1,
        "USER_PERMISSIONS.chat.edit": False,
        "task.model.params": None,
        "task.model.params.temperature": 0,
    }
    written, removed = plan_row_repair(rows)
    assert written == {
        "openai.api_configs": {
            "0": {"enable": True, "tags": [], "azure": {"region": "eu"}},
            "https://api.example.com/v1": {"prefix_id": "ex"},
        },
        "user.permissions": {"chat": {"edit": False}},
        "task.model.params": {"temperature": 0},
    }
    assert sorted(removed) == sorted(
        key for key in rows if key.count(".") > 1 and key not in OBJECT_KEYS and "heard" not in key
    )
    assert rows["openai.api_configs"] == {"0": {"enable": False, "tags": []}}


def test_web_keys_move_and_the_newer_wins() -> None:
    rows = {"rag.web.search.engine": "old", "web.search.engine": "new", "rag.web.search.enable": True, "rag.website": 1}
    assert plan_row_repair(rows) == (
        {"web.search.enable": True},
        ["rag.web.search.engine", "rag.web.search.enable"],
    )


def test_lists_of_models_become_texts() -> None:
    rows = {"ui.default_models": ["a", " b ", ""], "ui.default_pinned_models": "c"}
    assert plan_row_repair(rows) == ({"ui.default_models": "a,b"}, [])


def test_rows_in_order_are_left_alone() -> None:
    assert plan_row_repair(compute_defaults({})) == ({}, [])


async def test_old_rows_are_put_in_order_at_start(house: House) -> None:
    await house.put(
        {"ollama.api_configs.0.enable": False, "rag.web.search.engine": "searxng", "ui.default_models": ["a"]}
    )
    config = await house.load()
    rows = await house.rows()
    assert rows["ollama.api_configs"] == config.get("ollama.api_configs") == {"0": {"enable": False}}
    assert rows["web.search.engine"] == "searxng"
    assert rows["ui.default_models"] == "a"
    assert not {"ollama.api_configs.0.enable", "rag.web.search.engine"} & set(rows)


def test_the_old_file_is_flattened() -> None:
    old = {
        "version": 0,
        "ui": {"default_locale": "de", "prompt_suggestions": [{"content": "Hi"}], "banner_color": "red"},
        "openai": {"api_configs": {"0": {"enable": True}}},
        "rag": {"openai_api_key": "k", "web": {"search": {"linkup_search_params": {"a": {"b": 1}}}}},
        "oauth": {"oidc": {"client_id": "c", "avatar_claim": "pic"}},
    }
    assert flatten_config_file(old) == {
        "ui.default_locale": "de",
        "ui.prompt_suggestions": [{"content": "Hi"}],
        "ui.banner_color": "red",
        "openai.api_configs": {"0": {"enable": True}},
        "rag.openai.api_key": "k",
        "rag.web.search.linkup_search_params": {"a": {"b": 1}},
        "oauth.client_id": "c",
        "oauth.picture_claim": "pic",
    }


async def test_the_old_file_is_taken_over_once(house: House) -> None:
    path = house.path / "config.json"
    path.write_text('{"version": 0, "ui": {"default_locale": "de"}, "rag": {"web": {"search": {"engine": "brave"}}}}')
    config = await house.load()
    assert config.get_text("ui.default_locale") == "de"
    assert config.get_text("web.search.engine") == "brave"
    assert not path.exists()
    assert (house.path / "old_config.json").exists()
    await config.set("ui.default_locale", "fr")
    assert (await house.load()).get_text("ui.default_locale") == "fr"


async def test_an_old_file_that_cannot_be_read_is_left(house: House, caplog: pytest.LogCaptureFixture) -> None:
    path = house.path / "config.json"
    path.write_text("[1]")
    await house.load()
    assert path.exists()
    assert "failed and is skipped" in caplog.text


async def test_sessions_without_end_are_warned_of(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await house.load(JWT_EXPIRES_IN="-1")
    assert "JWT_EXPIRES_IN" in caplog.text
