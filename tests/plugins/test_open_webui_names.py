"""What plugins import from `open_webui`: constants, the environment, the configuration, and names that are missing."""

from __future__ import annotations

import pytest

from conftest import Person
from plugin_installation import install_function
from plugin_probe import run_in_plugin
from queued_model import QueuedModel


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    return {**model.env, "WEBUI_NAME": "Tests", "TASK_MODEL": "small"}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("from open_webui.nothing import x", "open_webui.nothing"),
        ("from open_webui.models.users import Nobody", "Nobody"),
        ("from open_webui.utils.misc import compute_everything", "compute_everything"),
        ("from open_webui.env import WEBUI_SECRET_KEY", "WEBUI_SECRET_KEY"),
    ],
)
async def test_a_missing_name_is_named_when_a_function_is_loaded(
    ada: Person, model: QueuedModel, line: str, name: str
) -> None:
    code = f"""
        try:
            {line}
        except ImportError as error:
            return str(error)
        """
    text = await run_in_plugin(ada, model, code)
    assert name in text
    assert "Fastback does not offer it to plugins" in text


async def test_saving_a_function_with_a_missing_module_says_so(ada: Person) -> None:
    content = "from open_webui.nothing import x\nclass Filter: pass"
    form = {"id": "probe", "name": "Probe", "content": content, "meta": {"description": ""}}
    (await ada.post("/api/v1/functions/create", form)).refused(400)


async def test_constants_and_environment_have_the_values_of_this_server(ada: Person, model: QueuedModel) -> None:
    imports = """
        from open_webui import config, env
        from open_webui.constants import ERROR_MESSAGES, TASKS
        from open_webui.env import AIOHTTP_CLIENT_TIMEOUT, GLOBAL_LOG_LEVEL, SRC_LOG_LEVELS, VERSION, WEBUI_NAME
        from open_webui.config import CACHE_DIR, DATA_DIR, UPLOAD_DIR
        """
    code = """
        return [
            VERSION, AIOHTTP_CLIENT_TIMEOUT, SRC_LOG_LEVELS["RAG"], SRC_LOG_LEVELS.get("MAIN"),
            str(TASKS.TITLE_GENERATION), TASKS.TAGS_GENERATION == "tags_generation", f"{TASKS.DEFAULT()}",
            ERROR_MESSAGES.DEFAULT("no"), ERROR_MESSAGES.DEFAULT(), ERROR_MESSAGES.NOT_FOUND,
            ERROR_MESSAGES.MODEL_NOT_FOUND("x"), CACHE_DIR.name, UPLOAD_DIR == DATA_DIR / "uploads",
            env.ENABLE_ADMIN_EXPORT, env.AIOHTTP_CLIENT_SESSION_SSL,
        ]
        """
    assert await run_in_plugin(ada, model, code, imports=imports) == [
        "0.12.4",
        None,
        "INFO",
        "INFO",
        "title_generation",
        True,
        "generation",
        "[ERROR: no]",
        "Something went wrong :/",
        "We could not find what you're looking for :/",
        "Model 'x' was not found",
        "cache",
        True,
        True,
        True,
    ]


async def test_the_configuration_is_read_and_changed_by_old_and_new_names(ada: Person, model: QueuedModel) -> None:
    imports = """
        from open_webui.config import ENABLE_SIGNUP, OPENAI_API_BASE_URLS, TASK_MODEL, WEBUI_URL, get_config
        from open_webui.models.config import Config
        """
    code = """
        before = await Config.get("task.model.default")
        await Config.upsert({"webui.url": "https://here.example"})
        return [
            TASK_MODEL, TASK_MODEL.value, before, WEBUI_URL.value, Config.get("webui.url"), bool(ENABLE_SIGNUP),
            ENABLE_SIGNUP.value, list(OPENAI_API_BASE_URLS), OPENAI_API_BASE_URLS.value == list(OPENAI_API_BASE_URLS),
            await Config.get("nothing", 5), Config.get_many("webui.url", "nothing"),
            get_config()["webui"]["url"],
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=imports)
    urls = [f"{model.url}/v1"]
    here = "https://here.example"
    signup = (await ada.get("/api/v1/auths/admin/config")).ok()["ENABLE_SIGNUP"]
    assert result == [
        *["small", "small", "small", here, here, signup, signup, urls, True, 5, {"webui.url": here}, here],
    ]


async def test_messages_are_read_and_changed_by_helpers(ada: Person, model: QueuedModel) -> None:
    imports = "from open_webui.utils.misc import *\nfrom open_webui.utils import misc"
    code = """
        messages = [
            {"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "One"}]},
            {"role": "assistant", "content": "", "output": [{"type": "message", "content": [{"text": "Two"}]}]},
        ]
        misc.add_or_update_system_message("Be kind", messages)
        misc.add_or_update_system_message("Be brief", messages)
        misc.add_or_update_user_message("Three", messages)
        system, others = misc.pop_system_message(messages)
        history = {"a": {"id": "a", "parentId": None}, "b": {"id": "b", "parentId": "a"}}
        chunk = misc.openai_chat_chunk_message_template("m", "text")
        return [
            system["content"], len(others), misc.get_last_user_message(messages),
            misc.get_last_assistant_message(messages), misc.get_messages_content(messages),
            [message["id"] for message in misc.get_message_list(history, "b")],
            chunk["object"], chunk["choices"][0]["delta"], chunk["choices"][0]["finish_reason"],
            misc.openai_chat_completion_message_template("m", "x")["choices"][0]["message"],
            misc.parse_duration("1h30m").total_seconds(), misc.calculate_sha256_string("a")[:8],
            misc.deep_update({"a": {"b": 1}}, {"a": {"c": 2}}),
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=imports)
    assert result == [
        "Be brief\nBe kind",
        3,
        "Three",
        "Two",
        "SYSTEM: Be brief\nBe kind\nUSER: One\nASSISTANT: Two\nUSER: Three",
        ["a", "b"],
        "chat.completion.chunk",
        {"content": "text"},
        None,
        {"role": "assistant", "content": "x"},
        5400.0,
        "ca978112",
        {"a": {"b": 1, "c": 2}},
    ]


async def test_code_that_reads_the_server_while_it_is_inspected_is_saved(ada: Person) -> None:
    content = """
from open_webui.config import WEBUI_URL
from open_webui.main import app
from open_webui.models.functions import Functions
from open_webui.models.users import Users

MODELS = list(app.state.MODELS)


class Filter:
    def __init__(self):
        self.valves = Functions.get_function_valves_by_id("other") or {}
        self.users = Users.get_num_users()
        self.url = app.state.config.WEBUI_URL
"""
    record = await install_function(ada, "reader", content)
    assert record["type"] == "filter"
    assert (await ada.get("/api/v1/functions/id/reader")).ok()["is_active"]
