"""Settings of speech; models and voices of the speech engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp.web
import pytest

from conftest import Person, Server
from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.kit.bus import Bus

AUDIO = "/api/v1/audio"
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."


async def test_settings_are_saved_and_returned(server: Server, ada: Person, bob: Person, anonymous: Person) -> None:
    events: list[ActivityEvent] = []
    server.services.get(Bus).subscribe(ActivityEvent, events.append)
    server.services.get(ActivityListeners).add(lambda event: True)
    before = (await ada.get(f"{AUDIO}/config")).ok()
    assert list(before) == ["realtime", "tts", "stt"]
    changed = {
        "realtime": {"ENABLED": True, "INPUT_PARAMS": {"a": 1}},
        "tts": before["tts"] | {"ENGINE": "openai", "OPENAI_PARAMS": None},
        "stt": before["stt"] | {"ALLOWED_EXTENSIONS": ["wav"]},
    }
    saved = (await ada.post(f"{AUDIO}/config/update", changed)).ok()
    assert saved == {
        "realtime": before["realtime"] | changed["realtime"],
        "tts": changed["tts"],
        "stt": changed["stt"],
    }
    assert (await ada.get(f"{AUDIO}/config")).ok() == saved
    assert [(event.event, event.subject_id) for event in events] == [("config.updated", "audio")]
    del changed["realtime"], changed["tts"]["OPENAI_PARAMS"], changed["stt"]["ALLOWED_EXTENSIONS"]
    assert (await ada.post(f"{AUDIO}/config/update", changed)).ok() == saved, "what is not sent stays"

    for person, detail in ((bob, PROHIBITED), (anonymous, "Not authenticated")):
        (await person.get(f"{AUDIO}/config")).refused(401, detail)
        (await person.post(f"{AUDIO}/config/update", {})).refused(401, detail)
    (await anonymous.get(f"{AUDIO}/voices")).refused(401, "Not authenticated")
    (await anonymous.get(f"{AUDIO}/models")).refused(401, "Not authenticated")


async def test_invalid_fields_are_reported_and_nothing_is_saved(ada: Person) -> None:
    before = (await ada.get(f"{AUDIO}/config")).ok()
    for part, field, value in (
        ("realtime", "PROVIDER", "somebody"),
        ("realtime", "MODEL", ""),
        ("tts", "VOICE", None),
        ("stt", "MISTRAL_USE_CHAT_COMPLETIONS", "perhaps"),
    ):
        body = before | {part: before[part] | {field: value}}
        problem = (await ada.post(f"{AUDIO}/config/update", body)).refused(422)[0]
        assert problem["loc"] == ["body", part, field]
    assert (await ada.get(f"{AUDIO}/config")).ok() == before


@pytest.fixture
async def engine() -> AsyncIterator[str]:
    """Run a server that answers like the speech engines of all vendors."""

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        answers: dict[str, Any] = {
            "/listing/audio/models": {"models": [{"id": "one"}]},
            "/plain/models": {"data": [{"id": "two"}]},
            "/listing/audio/voices": {"voices": [{"id": "v", "name": "Vera"}]},
            "/odd/audio/voices": {"voices": [{"id": "v"}]},
            "/v1/models": [{"model_id": "eleven", "name": "Eleven", "more": 1}],
            "/v1/voices": {"voices": [{"voice_id": "e", "name": "Eva"}]},
            "/cognitiveservices/voices/list": [{"ShortName": "de-K", "DisplayName": "Katja"}],
            "/mistral/audio/voices": {"items": [{"id": "m", "name": "Max"}, {"voice_id": "n"}, 3, {}]},
        }
        if request.path not in answers:
            return aiohttp.web.Response(status=404, text="no")
        return aiohttp.web.json_response(answers[request.path])

    application = aiohttp.web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
def environment(engine: str) -> dict[str, str]:
    return {"ELEVENLABS_API_BASE_URL": engine}


@pytest.mark.parametrize("database", ["sqlite"])
async def test_models_and_voices_come_from_the_engine(ada: Person, bob: Person, engine: str) -> None:
    page = (await ada.get(f"{AUDIO}/config")).ok()
    openai = ["alloy", "echo", "fable", "onyx", "nova", "shimmer"]

    async def check(models: list[Any], voices: list[tuple[str, str]], **fields: str) -> None:
        (await ada.post(f"{AUDIO}/config/update", page | {"tts": page["tts"] | fields})).ok()
        assert (await bob.get(f"{AUDIO}/models")).ok() == {"models": models}, fields
        listed = (await bob.get(f"{AUDIO}/voices")).ok()["voices"]
        assert [(voice["id"], voice["name"]) for voice in listed] == voices, fields

    default_models = [{"id": "tts-1"}, {"id": "tts-1-hd"}]
    await check([], [], ENGINE="")
    await check(default_models, [(name, name) for name in openai], ENGINE="openai")
    base = "OPENAI_API_BASE_URL"
    await check([{"id": "one"}], [("v", "Vera")], ENGINE="openai", **{base: f"{engine}/listing"})
    await check([{"id": "two"}], [(name, name) for name in openai], ENGINE="openai", **{base: f"{engine}/plain"})
    await check(default_models, [(name, name) for name in openai], ENGINE="openai", **{base: f"{engine}/odd"})
    await check([{"name": "Eleven", "id": "eleven"}], [("e", "Eva")], ENGINE="elevenlabs")
    await check([], [("de-K", "Katja (de-K)")], ENGINE="azure", AZURE_SPEECH_BASE_URL=engine)
    await check([], [], ENGINE="azure", AZURE_SPEECH_BASE_URL="http://127.0.0.1:9")
    voxtral = [{"id": "voxtral-mini-tts-2603"}]
    mistral = {"ENGINE": "mistral", "MISTRAL_API_BASE_URL": f"{engine}/mistral"}
    await check(voxtral, [], **mistral)
    await check(voxtral, [("m", "Max"), ("n", "n")], **mistral, MISTRAL_API_KEY="k")
    assert len((await bob.get(f"{AUDIO}/voices")).ok()["voices"]) == 2
