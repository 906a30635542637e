"""The stored configuration: defaults from variables, the table, changes, and rows of earlier versions."""

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

#: The defaults of Open WebUI 0.12.4, recorded from a running server, without two texts that Fastback words itself.
RECORDED = json.loads(Path(__file__).with_name("config_defaults.json").read_text(encoding="utf-8"))


# Defaults


def test_defaults_are_those_of_open_webui() -> None:
    ours = compute_defaults({})
    assert len(ours) == 431
    assert {key: ours[key] for key in RECORDED} == RECORDED
    assert {key: type(ours[key]) for key in RECORDED} == {key: type(value) for key, value in RECORDED.items()}
    assert set(ours) - set(RECORDED) == {"rag.template", "image_generation.comfyui.workflow"}


def test_our_own_texts_are_valid() -> None:
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
def test_a_variable_sets_the_default_of_its_key(variables: dict[str, str], key: str, value: Any) -> None:
    default = compute_defaults(variables)[key]
    assert default == value
    assert type(default) is type(value)


def test_a_variable_sets_a_single_permission() -> None:
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


def test_an_invalid_variable_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert compute_defaults({"TASK_MODEL_PARAMS": "{"})["task.model.params"] == {}
    assert "TASK_MODEL_PARAMS is invalid and skipped, expected a JSON object" in caplog.text


def test_changing_a_default_does_not_change_its_definition() -> None:
    compute_defaults({})["audio.stt.allowed_extensions"].append("exe")
    assert "exe" not in KEY_DEFINITIONS["audio.stt.allowed_extensions"].fallback


# The table


class ConfigTable:
    """The table of the configuration in a database, and configurations that are loaded from it."""

    def __init__(self, db: Database, path: Path) -> None:
        self.db = db
        self.path = path
        self.events: list[frozenset[str]] = []
        #: The bus of the configuration that was loaded last.
        self.bus = Bus()

    async def load(self, **variables: str) -> Config:
        self.bus = bus = Bus()
        bus.subscribe(ConfigChanged, lambda event: self.events.append(event.keys))
        settings = load_settings({"DATA_DIR": str(self.path), **variables}, dotenv=None)
        config = await Config.load(self.db, settings, bus, variables)
        self.events.clear()
        return config

    async def put_rows(self, values: dict[str, Any]) -> None:
        for key, value in values.items():
            text = 'INSERT INTO config ("key", value, updated_at) VALUES (:key, :value, 5)'
            await self.db.execute("test.put", text, key=key, value=json.dumps(value))

    async def read_rows(self) -> dict[str, Any]:
        class Row(msgspec.Struct):
            key: str
            value: msgspec.Raw

        rows = await self.db.fetch_all(Row, "test.rows", 'SELECT "key", value FROM config')
        return {row.key: msgspec.json.decode(row.value) for row in rows}

    async def get_update_time(self, key: str) -> int:
        text = 'SELECT updated_at FROM config WHERE "key" = :key'
        return int(await self.db.fetch_value("test.written_at", text, key=key))


@pytest.fixture
async def config_table(database: str, tmp_path: Path) -> AsyncIterator[ConfigTable]:
    async with AsyncExitStack() as stack:
        variables = {"DATA_DIR": str(tmp_path)}
        if database == "postgres":
            variables["DATABASE_URL"] = await stack.enter_async_context(postgres_database())
        db = await app.open_database(load_settings(variables, dotenv=None))
        stack.push_async_callback(db.close)
        yield ConfigTable(db, tmp_path)


async def test_the_first_start_writes_every_key_but_those_of_oauth(config_table: ConfigTable) -> None:
    config = await config_table.load(ENABLE_SIGNUP="false", OAUTH_CLIENT_ID="me")
    rows = await config_table.read_rows()
    assert set(rows) == {key for key in KEY_DEFINITIONS if not key.startswith("oauth.")}
    assert {key: rows[key] for key in RECORDED if key in rows} == {
        **{key: value for key, value in RECORDED.items() if key in rows},
        "ui.enable_signup": False,
    }
    assert abs(await config_table.get_update_time("ui.enable_signup") - time.time()) < 60
    assert config.get("oauth.client_id") == "me"
    assert config.version == 1


async def test_a_stored_value_wins_from_then_on(config_table: ConfigTable) -> None:
    await config_table.load(ENABLE_SIGNUP="false")
    config = await config_table.load(ENABLE_SIGNUP="true", ENABLE_API_KEYS="true")
    assert config.get_bool("ui.enable_signup") is False
    assert config.get_bool("auth.enable_api_keys") is False
    assert config.get_default("ui.enable_signup") is True


async def test_without_persistence_variables_count_and_the_table_stays(config_table: ConfigTable) -> None:
    await config_table.put_rows({"ui.enable_signup": False, "rag.web.search.engine": "x"})
    config = await config_table.load(ENABLE_PERSISTENT_CONFIG="false", DEFAULT_LOCALE="de-DE")
    await config.set("ui.default_locale", "fr-FR")
    assert config.get_bool("ui.enable_signup") is True
    await config.reload()
    assert config.get_text("ui.default_locale") == "fr-FR"  # as long as the process lives
    assert config.get_default("ui.default_locale") == "de-DE"
    assert await config_table.read_rows() == {"ui.enable_signup": False, "rag.web.search.engine": "x"}


async def test_oauth_keys_are_stored_only_when_enabled(config_table: ConfigTable) -> None:
    await config_table.put_rows({"oauth.client_id": "stored"})
    config = await config_table.load(OAUTH_CLIENT_ID="given")
    assert config.get("oauth.client_id") == "given"
    await config.set("oauth.client_id", "changed")
    assert (await config_table.read_rows())["oauth.client_id"] == "stored"
    persistent = await config_table.load(OAUTH_CLIENT_ID="given", ENABLE_OAUTH_PERSISTENT_CONFIG="true")
    assert persistent.get("oauth.client_id") == "stored"
    assert "oauth.scopes" in await config_table.read_rows()


async def test_a_reset_at_start_writes_all_defaults_again(config_table: ConfigTable) -> None:
    await config_table.put_rows({"ui.enable_signup": False, "somebody.elses": 1})
    config = await config_table.load(RESET_CONFIG_ON_START="true")
    assert config.get_bool("ui.enable_signup") is True
    assert "somebody.elses" not in await config_table.read_rows()


async def test_unknown_rows_stay(config_table: ConfigTable) -> None:
    unknown = {"x.list": [1, {"a": None}], "x.text": 'ü "quoted"', "x.number": 0.5, "x.null": None, "x.digits": "300"}
    await config_table.put_rows(unknown)
    config = await config_table.load()
    assert {key: config.get(key, "?") for key in unknown} == unknown
    assert config.get_namespace("x") == unknown
    assert unknown.items() <= config.get_all().items()
    assert {key: value for key, value in (await config_table.read_rows()).items() if key in unknown} == unknown


# Changes


async def test_a_change_is_stored_announced_and_read_at_the_next_start(config_table: ConfigTable) -> None:
    config = await config_table.load()
    before = config.version
    values = {"ui.default_models": "a", "models.default_params": {"top_p": 0.9, "stop": ["ü"]}, "rag.top_k": 7}
    await config.set_many(values)
    assert config.version == before + 1
    assert config_table.events == [frozenset(values)]
    assert {key: config.get(key) for key in values} == values
    assert {key: (await config_table.read_rows())[key] for key in values} == values
    reloaded = await config_table.load()
    assert {key: reloaded.get(key) for key in values} == values


async def test_changing_a_passed_value_does_not_change_the_configuration(config_table: ConfigTable) -> None:
    config = await config_table.load()
    params: dict[str, Any] = {"a": [1]}
    await config.set("models.default_params", params)
    params["a"].append(2)
    assert config.get_object("models.default_params") == {"a": [1]}


async def test_a_change_that_fails_changes_nothing(config_table: ConfigTable) -> None:
    config = await config_table.load()
    version = config.version
    with pytest.raises(TypeError):
        await config.set_many({"rag.top_k": 9, "ui.watermark": object()})
    await config_table.db.execute("test.drop", "ALTER TABLE config RENAME TO config_away")
    with pytest.raises(Exception, match="config"):
        await config.set_many({"rag.top_k": 9})
    assert config.get("rag.top_k") == 3
    assert config.version == version
    assert config_table.events == []


async def test_keys_get_their_defaults_back(config_table: ConfigTable) -> None:
    config = await config_table.load(RAG_TOP_K="5")
    await config.set_many({"rag.top_k": 9, "mine": 1, "oauth.scopes": "x"})
    await config.reset(["rag.top_k", "mine", "oauth.scopes"])
    assert config.get("rag.top_k") == 5
    assert config.get("mine", "gone") == "gone"
    assert config.get_text("oauth.scopes") == "openid email profile"
    assert not {"rag.top_k", "mine"} & set(await config_table.read_rows())
    assert config_table.events[-1] == {"rag.top_k", "mine", "oauth.scopes"}


async def test_a_reload_reads_the_changes_of_another_process(config_table: ConfigTable) -> None:
    first, second = await config_table.load(), await config_table.load()
    await second.set_many({"rag.top_k": 9, "mine": [1]})
    assert first.get("rag.top_k") == 3
    version = first.version
    config_table.events.clear()
    await first.reload()
    assert (first.get("rag.top_k"), first.get("mine")) == (9, [1])
    assert config_table.events == [{"rag.top_k", "mine"}]
    assert first.version == version + 1
    await first.reload()
    assert first.version == version + 1


async def test_a_listener_may_change_the_configuration(config_table: ConfigTable) -> None:
    config = await config_table.load()

    async def change_another_key(event: ConfigChanged) -> None:
        if "rag.top_k" in event.keys:
            await config.set("rag.top_k_reranker", config.get("rag.top_k"))

    config_table.bus.subscribe(ConfigChanged, change_another_key)
    await config.set("rag.top_k", 11)
    assert config.get("rag.top_k_reranker") == 11


async def test_values_are_converted_to_types(config_table: ConfigTable) -> None:
    config = await config_table.load()
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


def test_current_rows_are_not_repaired() -> None:
    assert plan_row_repair(compute_defaults({})) == ({}, [])


async def test_old_rows_are_repaired_at_start(config_table: ConfigTable) -> None:
    await config_table.put_rows(
        {"ollama.api_configs.0.enable": False, "rag.web.search.engine": "searxng", "ui.default_models": ["a"]}
    )
    config = await config_table.load()
    rows = await config_table.read_rows()
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


async def test_the_old_file_is_imported_once(config_table: ConfigTable) -> None:
    path = config_table.path / "config.json"
    path.write_text('{"version": 0, "ui": {"default_locale": "de"}, "rag": {"web": {"search": {"engine": "brave"}}}}')
    config = await config_table.load()
    assert config.get_text("ui.default_locale") == "de"
    assert config.get_text("web.search.engine") == "brave"
    assert not path.exists()
    assert (config_table.path / "old_config.json").exists()
    await config.set("ui.default_locale", "fr")
    assert (await config_table.load()).get_text("ui.default_locale") == "fr"


async def test_an_invalid_old_file_is_not_removed(config_table: ConfigTable, caplog: pytest.LogCaptureFixture) -> None:
    path = config_table.path / "config.json"
    path.write_text("[1]")
    await config_table.load()
    assert path.exists()
    assert "failed and is skipped" in caplog.text


async def test_sessions_without_expiry_are_logged(config_table: ConfigTable, caplog: pytest.LogCaptureFixture) -> None:
    await config_table.load(JWT_EXPIRES_IN="-1")
    assert "JWT_EXPIRES_IN" in caplog.text
