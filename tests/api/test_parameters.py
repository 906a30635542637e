"""Parameters on their way to the model server: a model's own, a request's, custom ones, stop sequences."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person
from model_recorder import OLLAMA, OPENAI, PIPELINE, ModelRecorder, create_model, record_models
from page_client import open_page

CHAT = "/api/chat/completions"
QUESTION = [{"role": "user", "content": "Hi"}]
#: As the page stores them: a text that is JSON counts as its value.
CUSTOM = {"num_gpu": "1", "draft_model": "tiny", "extra": '{"a": [1]}', "empty": "", "think": "true"}
DECODED = {"num_gpu": 1, "draft_model": "tiny", "extra": {"a": [1]}, "empty": ""}


@pytest.fixture
async def recorder(ada: Person) -> AsyncIterator[ModelRecorder]:
    async with record_models(ada) as running:
        yield running


async def test_custom_parameters_reach_ollama(ada: Person, recorder: ModelRecorder) -> None:
    await create_model(ada, "tuned", OLLAMA, custom_params=CUSTOM, temperature=0.5, max_tokens=7)
    options = {"temperature": 0.5, "num_predict": 7, **DECODED}
    (await ada.post(CHAT, {"model": "tuned", "messages": QUESTION})).ok()
    assert recorder.body == {
        "model": OLLAMA,
        "messages": QUESTION,
        "stream": False,
        "options": options,
        "think": True,
    }
    more = {"params": {"custom_params": {"num_gpu": 2, "more": 3}}, "options": {"extra": 4}}
    (await ada.post(CHAT, {"model": "tuned", "messages": QUESTION, **more})).ok()
    assert recorder.body["options"] == {**options, "num_gpu": 2, "more": 3, "extra": 4}
    body = {"model": "tuned", "messages": QUESTION, "options": {"num_gpu": 3}, "stream": False}
    (await ada.post("/ollama/api/chat", body)).ok()
    assert recorder.body["options"] == {**options, "num_gpu": 3} and recorder.body["think"] is True


async def test_custom_parameters_of_tasks_reach_ollama(ada: Person, recorder: ModelRecorder) -> None:
    config = (await ada.get("/api/v1/tasks/config")).ok()
    params = {"temperature": 0.1, "custom_params": {"num_gpu": "1"}}
    (await ada.post("/api/v1/tasks/config/update", {**config, "TASK_MODEL_PARAMS": params})).ok()
    (await ada.post("/api/v1/tasks/title/completions", {"model": OLLAMA, "messages": QUESTION})).ok()
    assert recorder.body["options"] == {"temperature": 0.1, "num_gpu": 1}


async def test_custom_parameters_reach_other_servers(ada: Person, recorder: ModelRecorder) -> None:
    await create_model(ada, "tuned", OPENAI, custom_params=CUSTOM, temperature=0.5)
    for path in (CHAT, "/openai/chat/completions"):
        (await ada.post(path, {"model": "tuned", "messages": QUESTION})).ok()
        assert recorder.body == {
            "model": OPENAI,
            "messages": QUESTION,
            "temperature": 0.5,
            **DECODED,
            "think": True,
        }


#: Whole numbers where fractions are possible, too.
NUMBERS = {"temperature": 0, "top_p": 1, "min_p": 0, "frequency_penalty": -1, "presence_penalty": 2, "max_tokens": 3}


async def test_numbers_reach_models_as_they_were_written(ada: Person, recorder: ModelRecorder) -> None:
    await create_model(ada, "exact", OPENAI, **NUMBERS)
    for path in (CHAT, "/openai/chat/completions"):
        (await ada.post(path, {"model": "exact", "messages": QUESTION})).ok()
        assert repr({name: recorder.body[name] for name in NUMBERS}) == repr(NUMBERS)
    await create_model(ada, "exact-llama", OLLAMA, **NUMBERS)
    (await ada.post(CHAT, {"model": "exact-llama", "messages": QUESTION})).ok()
    assert repr(recorder.body["options"]["temperature"]) == "0"
    params = {"temperature": 0, "top_p": 1.0, "min_p": "0.5"}
    (await ada.post(CHAT, {"model": OPENAI, "messages": QUESTION, "params": params})).ok()
    sent = {name: recorder.body[name] for name in params}
    assert repr(sent) == repr({"temperature": 0, "top_p": 1.0, "min_p": 0.5})


async def test_a_custom_parameter_that_is_too_deep_to_decode(ada: Person, recorder: ModelRecorder) -> None:
    params = {"custom_params": {"deep": "[" * 100_000}}
    (await ada.post(CHAT, {"model": OPENAI, "messages": QUESTION, "params": params})).ok()
    assert recorder.body["deep"] == "[" * 100_000


async def test_a_pipeline_is_sent_the_user(ada: Person, bob: Person, recorder: ModelRecorder) -> None:
    for path in (CHAT, "/openai/chat/completions"):
        (await bob.post(path, {"model": PIPELINE, "messages": QUESTION, "user": "mallory"})).ok()
        user = {"id": bob.id, "name": "Bob", "email": "bob@example.com", "role": "user"}
        assert recorder.body == {"model": PIPELINE, "messages": QUESTION, "user": user}


#: Texts that were once unescaped or garbled.
STOPS = [r"\n\n", "\n", "é", "🙂", r"C:\new", "\\", ""]


async def test_stop_sequences_stay_as_they_are(ada: Person, recorder: ModelRecorder) -> None:
    await create_model(ada, "tuned", OPENAI, stop=STOPS)
    await create_model(ada, "tuned-llama", OLLAMA, stop=STOPS)
    for path in (CHAT, "/openai/chat/completions"):
        (await ada.post(path, {"model": "tuned", "messages": QUESTION})).ok()
        assert recorder.body["stop"] == STOPS
    (await ada.post(CHAT, {"model": OPENAI, "messages": QUESTION, "params": {"stop": STOPS}})).ok()
    assert recorder.body["stop"] == STOPS
    (await ada.post(CHAT, {"model": OPENAI, "messages": QUESTION, "stop": r"\é"})).ok()
    assert recorder.body["stop"] == r"\é"
    (await ada.post(CHAT, {"model": "tuned-llama", "messages": QUESTION})).ok()
    assert recorder.body["options"]["stop"] == STOPS
    (await ada.post("/ollama/api/chat", {"model": "tuned-llama", "messages": QUESTION, "stream": False})).ok()
    assert recorder.body["options"]["stop"] == STOPS
    (await ada.post(CHAT, {"model": OLLAMA, "messages": QUESTION, "stop": "🙂"})).ok()
    assert recorder.body["options"]["stop"] == ["🙂"]


CLEARED = dict.fromkeys(
    ("temperature", "top_p", "max_tokens", "seed", "stop", "num_ctx", "keep_alive", "logit_bias", "format"), ""
)


@pytest.mark.parametrize("base_id", [OPENAI, OLLAMA])
async def test_cleared_parameters_are_left_out(ada: Person, recorder: ModelRecorder, base_id: str) -> None:
    await create_model(ada, "cleared", base_id, **CLEARED, top_k=5)
    (await ada.post(CHAT, {"model": "cleared", "messages": QUESTION, "params": {**CLEARED, "min_p": 0}})).ok()
    parameters = {"top_k": 5, "min_p": 0.0}
    expected = {"options": parameters, "stream": False} if base_id == OLLAMA else parameters
    assert recorder.body == {"model": base_id, "messages": QUESTION, **expected}
    (await ada.post(CHAT, {"model": base_id, "messages": QUESTION, "params": {"temperature": "hot"}})).refused(400)
    if base_id == OPENAI:
        (await ada.post("/openai/chat/completions", {"model": "cleared", "messages": QUESTION})).ok()
        assert recorder.body == {"model": base_id, "messages": QUESTION, "top_k": 5}


async def test_a_bias_written_as_text_becomes_an_object(ada: Person, recorder: ModelRecorder) -> None:
    for more in ({"params": {"logit_bias": "50256: -100, 7: 200"}}, {"logit_bias": "50256:-100,7:100"}):
        (await ada.post(CHAT, {"model": OPENAI, "messages": QUESTION, **more})).ok()
        assert recorder.body["logit_bias"] == {"50256": -100, "7": 100}
    for path in (CHAT, "/openai/chat/completions"):
        (await ada.post(path, {"model": OPENAI, "messages": QUESTION, "logit_bias": "nothing"})).refused(400)


async def test_a_model_decides_whether_and_how_it_streams(ada: Person, recorder: ModelRecorder) -> None:
    await create_model(ada, "slow", OPENAI, stream_response=False, reasoning_tags=["<a>", "</a>"])
    body = {"messages": QUESTION, "stream": True, "params": {"stream_response": True, "reasoning_tags": False}}
    (await ada.post(CHAT, {"model": "slow", **body})).ok()
    assert recorder.body == {"model": OPENAI, "messages": QUESTION, "stream": False}
    # A model that says nothing of it leaves it to the body of the request.
    reply = await ada.post(CHAT, {"model": OPENAI, **body, "params": {"stream_response": False}})
    assert reply.status == 200 and recorder.body == {"model": OPENAI, "messages": QUESTION, "stream": True}


async def test_a_model_decides_about_its_reasoning_tags(ada: Person, recorder: ModelRecorder) -> None:
    """Check that the page and the WebSocket split reasoning by the tags of the model."""
    await create_model(ada, "silent", OPENAI, reasoning_tags=["Y", "s."])
    async with open_page(ada) as page:
        turn = await page.ask("Hi", models=["silent"], params={"reasoning_tags": False})
        chat = (await page.get_chat(turn["chat_id"]))["chat"]
        assert _list_kinds(chat["history"]["messages"][turn["answer"]]) == [("reasoning", "e")]
        metadata = {"chat_id": turn["chat_id"], "message_id": "over-the-websocket"}
        async with ada.http().ws_connect(f"{ada.url}/api/ws/chat") as socket:
            await socket.send_json({"model": "silent", "messages": QUESTION, "metadata": metadata})
            while (text := (await socket.receive(timeout=10)).data) != "[DONE]":
                assert "error" not in text
        chat = (await page.get_chat(turn["chat_id"]))["chat"]
        assert _list_kinds(chat["history"]["messages"]["over-the-websocket"]) == [("reasoning", "e")]


def _list_kinds(message: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["type"], item["content"][0]["text"]) for item in message["output"] if item["content"]]
