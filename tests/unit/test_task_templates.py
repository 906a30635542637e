"""Generations of titles, tags and follow-ups: prompts, models, and the parsing of completions."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from fastback.completions.tasks import prompts, requests
from fastback.completions.tasks.templates import cut_middle, find_last_question, plain_text, render_prompt

MESSAGES = [
    {"role": "system", "content": "Be brief"},
    {"role": "user", "content": "What is bread?"},
    {"role": "assistant", "content": "Baked dough."},
    {"role": "user", "content": [{"type": "text", "text": "How is it baked?"}, {"type": "image_url"}]},
]
TRANSCRIPT = "SYSTEM: Be brief\nUSER: What is bread?\nASSISTANT: Baked dough.\nUSER: How is it baked?"


class Config:
    """The part of the stored configuration that tasks read."""

    def __init__(self, **values: Any) -> None:
        self.values = {name.replace("__", "."): value for name, value in values.items()}

    def get_text(self, key: str) -> str:
        return str(self.values.get(key) or "")

    def get_object(self, key: str) -> dict[str, Any]:
        return self.values.get(key) or {}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{MESSAGES}}", TRANSCRIPT),
        ("<{{MESSAGES:START:2}}>", "<SYSTEM: Be brief\nUSER: What is bread?>"),
        ("{{MESSAGES:END:1}}", "USER: How is it baked?"),
        ("{{MESSAGES:END:0}}|{{MESSAGES:START:0}}", "|"),
        ("{{MESSAGES:END:9}}", TRANSCRIPT),
        ("{{MESSAGES:MIDDLETRUNCATE:2}}", "SYSTEM: Be brief\nUSER: How is it baked?"),
        (
            "{{MESSAGES:MIDDLETRUNCATE:3}}",
            "SYSTEM: Be brief\nASSISTANT: Baked dough.\nUSER: How is it baked?",
        ),
        ("{{MESSAGES:MIDDLETRUNCATE:9}}", TRANSCRIPT),
        ("{{MESSAGES:END:1|middletruncate:5}}", "USER: Ho...ed?"),
        ("{{MESSAGES:END:1|start:3}}", "USER: How"),
        ("{{MESSAGES:END:1|END:6}}", "USER: baked?"),
        ("{{MESSAGES:END:1|unknown:3}}", "USER: How is it baked?"),
        ("{{MESSAGES|middletruncate:0}}", "SYSTEM: \nUSER: \nASSISTANT: \nUSER: "),
        ("{{prompt}}", "How is it baked?"),
        ("{{PROMPT}}", "How is it baked?"),
        ("{{prompt:start:3}}", "How"),
        ("{{Prompt:End:6}}", "baked?"),
        ("{{prompt:middletruncate:5}}", "How...d?"),
        ("{{prompt:middletruncate:99}}", "How is it baked?"),
        ("{{USER_NAME}} {{USER_EMAIL}}", "Ada Unknown"),
        ("{{UNKNOWN}} {{messages}} {{}} {", "{{UNKNOWN}} {{messages}} {{}} {"),
        ("{{TYPE}}", "search"),
    ],
)
def test_a_template_is_rendered(template: str, expected: str) -> None:
    assert render_prompt(template, MESSAGES, user_name="Ada", TYPE="search") == expected


def test_dates_are_those_of_today() -> None:
    now = datetime.datetime.now()
    assert render_prompt("{{CURRENT_DATE}}/{{CURRENT_WEEKDAY}}", []) == now.strftime("%Y-%m-%d/%A")
    assert render_prompt("{{CURRENT_DATETIME}}", []).startswith(now.strftime("%Y-%m-%d "))


def test_content_of_messages_is_not_rendered_as_a_template() -> None:
    messages = [{"role": "user", "content": "{{USER_NAME}} {{MESSAGES}} {{prompt}}"}]
    assert render_prompt("{{MESSAGES}}", messages, user_name="Ada") == "USER: {{USER_NAME}} {{MESSAGES}} {{prompt}}"
    assert render_prompt("{{prompt}} {{TYPE}}", [], prompt="{{TYPE}}", TYPE="{{prompt}}") == "{{TYPE}} {{prompt}}"


def test_text_of_messages() -> None:
    assert plain_text({"content": "a <details open>x</details>![p](u) b"}) == "a  b"
    output = [
        {"type": "reasoning", "content": [{"text": "hm"}]},
        {"type": "message", "content": [{"text": "said"}, {"text": " so"}, {"refusal": "x"}]},
        {"type": "message", "content": [{"text": " "}]},
        {"type": "message", "content": None},
    ]
    assert plain_text({"content": "", "output": output}) == "said so"
    assert plain_text({}) == plain_text({"content": None, "output": "x"}) == ""
    assert find_last_question([]) == find_last_question([{"role": "assistant", "content": "x"}]) == ""


def test_the_middle_of_a_text_is_cut_out() -> None:
    assert [cut_middle("abcdef", limit) for limit in (6, 5, 4, 1)] == ["abcdef", "ab...def", "ab...ef", "...f"]
    assert cut_middle("abcdef", 5, longer_start=True) == "abc...ef"


#: The prompt that chooses tools holds no messages: they are sent beside it.
TASKS_ABOUT_MESSAGES = sorted(requests.TEMPLATES.keys() - {"function_calling"})


@pytest.mark.parametrize("task", TASKS_ABOUT_MESSAGES)
def test_a_request_uses_our_prompts(task: str) -> None:
    more = {"TYPE": "general", "responses": '"""one"""', "PREVIOUS_SUMMARY": "Bread was asked for."}
    parts = {"COMPACTED_MESSAGES": MESSAGES, "RECENT_MESSAGES": MESSAGES[-1:]}
    payload = requests.build_payload(task, Config(), MESSAGES, "m", lists=parts, **more)
    assert (payload["model"], payload["stream"], len(payload["messages"])) == ("m", False, 1)
    content = payload["messages"][0]["content"]
    assert payload["messages"][0]["role"] == "user"
    assert "{{" not in content and "How is it baked?" in content


def test_the_administrators_prompt_wins_unless_blank() -> None:
    config = Config(task__title__prompt_template="Title of {{prompt:start:4}}")
    assert (
        requests.build_payload("title_generation", config, MESSAGES, "m")["messages"][0]["content"] == "Title of How "
    )
    config = Config(task__title__prompt_template=" \n")
    assert requests.find_template("title_generation", config) == prompts.TITLE


def test_parameters_of_tasks() -> None:
    assert requests.build_payload("title_generation", Config(), MESSAGES, "m")["max_tokens"] == 1000
    assert (
        requests.build_payload("title_generation", Config(), MESSAGES, "m", params={"max_tokens": 50})["max_tokens"]
        == 50
    )
    assert "max_tokens" not in requests.build_payload("tags_generation", Config(), MESSAGES, "m")
    params = {
        "temperature": "0.1",
        "top_p": None,
        "stop": "",
        "model": "other",
        "system": "x",
        "custom_params": {"a": "[1]"},
    }
    payload = requests.build_payload("title_generation", Config(task__model__params=params), MESSAGES, "m")
    assert payload["temperature"] == 0.1 and payload["a"] == [1] and payload["model"] == "m"
    assert not {"top_p", "stop", "system", "custom_params", "max_tokens"} & set(payload)
    assert (
        requests.build_payload("emoji_generation", Config(task__model__params=params), MESSAGES, "m")["max_tokens"]
        == 16
    )


def test_the_model_that_does_tasks() -> None:
    models = {
        "cloud": SimpleNamespace(entry={"connection_type": "external"}),
        "home": SimpleNamespace(entry={"connection_type": "local"}),
        "small": SimpleNamespace(entry={}),
        "tiny": SimpleNamespace(entry={}),
    }
    config = Config(task__model__default="tiny", task__model__external="small")
    assert requests.choose_task_model_id(config, "cloud", models) == "small"
    assert requests.choose_task_model_id(config, "home", models) == "tiny"
    missing = Config(task__model__default="gone", task__model__external="gone")
    assert requests.choose_task_model_id(missing, "cloud", models) == "cloud"
    assert requests.choose_task_model_id(Config(), "home", models) == "home"


def test_titles() -> None:
    assert requests.parse_title('Sure! {"title": " 🍞 Bread "} Done.') == "🍞 Bread"
    for text in ("", "Bread", '{"title": ""}', '{"title": 3}', "{broken", "}{", "[1]"):
        assert requests.parse_title(text) is None


def test_tags() -> None:
    assert requests.parse_tags('```json\n{"tags": ["Food", "", 3, "Bread"]}\n```') == ["Food", "Bread"]
    assert requests.parse_tags('{"tags": "Food"}') == []


def test_follow_ups() -> None:
    several = '{"follow_ups": [" a ", "b", "a", "", "c", "d", "e", "f", "%s"]}' % ("x" * 401)
    assert requests.parse_follow_ups(several) == ["a", "b", "c", "d", "e"]
    assert requests.parse_follow_ups('{"follow_ups": ["a", 1]}') == []
    assert requests.parse_follow_ups("none") == []
