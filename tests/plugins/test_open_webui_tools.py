"""Plugins run tools and filters themselves."""

from __future__ import annotations

from conftest import Person
from plugin_installation import install_function, install_tool
from plugin_probe import run_in_plugin
from queued_model import QueuedModel

TOOL = '''
from pydantic import BaseModel


class Tools:
    class Valves(BaseModel):
        factor: int = 2

    class UserValves(BaseModel):
        unit: str = "m"

    def __init__(self):
        self.valves = self.Valves()

    def scale(self, number: int, __user__: dict) -> str:
        """
        Scale a number.
        :param number: The number.
        """
        return f"{number * self.valves.factor} {__user__['valves'].unit} {__user__['name']}"
'''


async def test_methods_of_tools_are_listed_and_run(ada: Person, model: QueuedModel) -> None:
    await install_tool(ada, "scaler", TOOL, valves={"factor": 3})
    (await ada.post("/api/v1/tools/id/scaler/valves/user/update", {"unit": "km"})).ok()
    imports = """
        from open_webui.models.users import UserModel
        from open_webui.utils.tools import get_builtin_tools, get_tools, get_updated_tool_function
        from open_webui.utils.tools import convert_function_to_pydantic_model, get_tool_specs
        """
    code = """
        tools = await get_tools(request, ["scaler", "missing"], UserModel(**user), {"__user__": user, "__id__": "x"})
        tool = tools["scale"]
        other = await get_updated_tool_function(tool["callable"], {"__user__": {**user, "name": "Eve"}})

        class Own:
            async def greet(self, name: str = "you") -> str:
                "Greet."
                return name

        return [
            sorted(tools), tool["tool_id"], tool["spec"]["description"],
            sorted(tool["spec"]["parameters"]["properties"]),
            await tool["callable"](number="7"), get_tool_specs(Own())[0]["name"],
            list(convert_function_to_pydantic_model(Own().greet).model_fields),
        ]
        """
    assert await run_in_plugin(ada, model, code, imports=imports) == [
        *[["scale"], "scaler", "Scale a number.", ["number"], "21 km Ada", "greet", ["name"]],
    ]


async def test_filters_are_listed_and_run(ada: Person, model: QueuedModel) -> None:
    code = """
from pydantic import BaseModel


class Filter:
    class Valves(BaseModel):
        priority: int = 1
        word: str = "a"

    def __init__(self):
        self.valves = self.Valves()

    def request(self, body, __user__):
        body["words"] = body.get("words", "") + self.valves.word + __user__["name"]
        return body
"""
    await install_function(ada, "late", code, is_global=True, valves={"priority": 5, "word": "L"})
    await install_function(ada, "early", code, is_global=True, valves={"priority": 0, "word": "E"})
    imports = """
        from open_webui.models.functions import Functions
        from open_webui.utils.filter import get_sorted_filter_ids, process_filter_functions
        from open_webui.utils.plugin import extract_frontmatter, get_function_module_from_cache
        """
    probe = """
        ids = [entry for entry in await get_sorted_filter_ids(request, {}, []) if not entry.startswith("probe")]
        functions = [Functions.get_function_by_id(entry) for entry in ids]
        body, _ = await process_filter_functions(
            request=request, filter_functions=functions, filter_type="request", form_data={},
            extra_params={"__user__": user},
        )
        module, kind, header = await get_function_module_from_cache(request, "late")
        return [ids, body, kind, type(module).__name__, header, extract_frontmatter('\"\"\"\\ntitle: X\\n\"\"\"')]
        """
    assert await run_in_plugin(ada, model, probe, imports=imports) == [
        *[["early", "late"], {"words": "EAdaLAda"}, "filter", "Filter", {}, {"title": "X"}],
    ]


async def test_helpers_of_turns(ada: Person, model: QueuedModel) -> None:
    imports = """
        from starlette.responses import HTMLResponse
        from open_webui.models.users import UserModel
        from open_webui.utils.access_control import has_access, has_permission
        from open_webui.utils.auth import create_token, decode_token
        from open_webui.utils.headers import get_custom_headers, include_user_info_headers
        from open_webui.utils.middleware import get_citation_source_from_tool_result, process_tool_result
        from open_webui.utils.task import prompt_template, replace_prompt_variable
        """
    code = """
        person = UserModel(**user)
        page = HTMLResponse("<b>x</b>", headers={"Content-Disposition": "inline"})
        text, files, embeds = await process_tool_result(request, "draw", page, "python")
        listed, _, _ = await process_tool_result(request, "count", [1, 2], "python")
        token = await create_token({"id": user["id"]})
        source = get_citation_source_from_tool_result("fetch_url", {"url": "https://x.example"}, "text")
        headers = include_user_info_headers({"a": "b"}, person)
        return [
            embeds, "draw: Embedded UI result" in text, listed, decode_token(token)["id"] == user["id"],
            decode_token("forged"), source[0]["source"]["name"], headers["X-OpenWebUI-User-Name"],
            await get_custom_headers({"x": "{{USER_NAME}}"}, person), await prompt_template("Hi {{USER_NAME}}", person),
            replace_prompt_variable("{{prompt:start:3}}|{{prompt:end:2}}|{{prompt:middletruncate:4}}", "abcdefgh"),
            await has_permission(user["id"], "chat.delete", {}),
            has_access(user["id"], "read", {"read": {"user_ids": [user["id"]]}}),
        ]
        """
    listed = '{\n  "results": [\n    1,\n    2\n  ]\n}'
    assert await run_in_plugin(ada, model, code, imports=imports) == [
        *[["<b>x</b>"], True, listed, True, None, "https://x.example", "Ada", {"x": "Ada"}, "Hi Ada"],
        *["abc|gh|ab...gh", True, True],
    ]


async def test_payloads_and_outputs_are_converted(ada: Person, model: QueuedModel) -> None:
    imports = """
        from open_webui.utils.misc import convert_output_to_messages
        from open_webui.utils.payload import apply_model_params_to_body_openai, apply_system_prompt_to_body
        from open_webui.utils.payload import convert_payload_openai_to_ollama
        """
    code = """
        output = [
            {"type": "message", "content": [{"type": "output_text", "text": "Look:"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "1"}]},
            {"type": "message", "content": [{"type": "output_text", "text": "One"}]},
        ]
        body = await apply_system_prompt_to_body("Hi {{USER_NAME}}", {"messages": []}, {}, request.state.user)
        ollama = convert_payload_openai_to_ollama({"model": "m", "messages": body["messages"], "max_tokens": 5})
        return [
            [message["role"] for message in convert_output_to_messages(output)],
            apply_model_params_to_body_openai({"temperature": "0.5", "system": "x", "top_p": None}, {"model": "m"}),
            body["messages"], ollama["options"],
        ]
        """
    assert await run_in_plugin(ada, model, code, imports=imports) == [
        ["assistant", "tool", "assistant"],
        {"model": "m", "temperature": 0.5},
        [{"role": "system", "content": "Hi Ada"}],
        {"num_predict": 5},
    ]
