"""The settings pages "Documents" and "Web Search", and the settings of the embedding engine."""

from __future__ import annotations

import pytest

from conftest import Person

RETRIEVAL = "/api/v1/retrieval"
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."


@pytest.mark.parametrize("database", ["sqlite"])
async def test_settings_are_restricted_to_administrators(bob: Person, anonymous: Person) -> None:
    for method, path in (
        ("GET", "/config"),
        ("POST", "/config/update"),
        ("GET", "/embedding"),
        ("POST", "/embedding/update"),
    ):
        (await bob.request(method, RETRIEVAL + path, json={})).refused(401, PROHIBITED)
        (await anonymous.request(method, RETRIEVAL + path, json={})).refused(401, "Not authenticated")


async def test_settings_are_saved_as_they_are_read(ada: Person) -> None:
    before = (await ada.get(f"{RETRIEVAL}/config")).ok()
    saved = (await ada.post(f"{RETRIEVAL}/config/update", before)).ok()
    after = (await ada.get(f"{RETRIEVAL}/config")).ok()
    assert after == before | {"MINERU_API_TIMEOUT": 300}, "a text that is a number is stored as one"
    missing = {"ENABLE_RAG_HYBRID_SEARCH_ENRICHED_TEXTS", "DATALAB_MARKER_FORMAT_LINES", "MINERU_FILE_EXTENSIONS"}
    assert before.keys() - saved.keys() == missing | {"RAG_RERANKING_BATCH_SIZE"}
    assert before["web"].keys() - saved["web"].keys() == {"DDGS_BACKEND"}


async def test_only_what_is_sent_changes(ada: Person) -> None:
    before = (await ada.get(f"{RETRIEVAL}/config")).ok()
    web = {"WEB_SEARCH_ENGINE": "searxng", "WEB_LOADER_TIMEOUT": None, "BRAVE_SEARCH_CONTEXT_TOKENS": None}
    sent = {"TOP_K": "7", "CHUNK_SIZE": None, "FILE_MAX_SIZE": 5, "RAG_TOKENIZER_MODEL": " some/model ", "web": web}
    saved = (await ada.post(f"{RETRIEVAL}/config/update", sent)).ok()
    expected = {"TOP_K": 7, "FILE_MAX_SIZE": 5, "RAG_TOKENIZER_MODEL": "some/model"}
    assert saved["web"] == {name: value for name, value in before["web"].items() if name != "DDGS_BACKEND"} | {
        "WEB_SEARCH_ENGINE": "searxng",
        "WEB_LOADER_TIMEOUT": None,
    }
    after = (await ada.get(f"{RETRIEVAL}/config")).ok()
    assert after == {**before, **expected, "web": after["web"]}

    cleared = (await ada.post(f"{RETRIEVAL}/config/update", {"FILE_MAX_SIZE": ""})).ok()
    assert cleared["FILE_MAX_SIZE"] is None and cleared["TOP_K"] == 7
    (await ada.post(f"{RETRIEVAL}/config/update", {"web": {"YOUTUBE_LOADER_TRANSLATION": "de"}})).ok()
    assert (await ada.get(f"{RETRIEVAL}/config")).ok()["web"]["YOUTUBE_LOADER_TRANSLATION"] == "de"
    assert "youtube_loader_translation" not in str((await ada.get("/api/v1/configs/export")).ok()).lower()


async def test_invalid_fields_are_reported_and_nothing_is_saved(ada: Person) -> None:
    before = (await ada.get(f"{RETRIEVAL}/config")).ok()
    for body, loc in (
        ({"TOP_K": "many", "CHUNK_SIZE": 5}, ["body", "TOP_K"]),
        ({"DOCLING_PARAMS": []}, ["body", "DOCLING_PARAMS"]),
        ({"web": {"EXA_MAX_CONTENT_LENGTH": 0}}, ["body", "web", "EXA_MAX_CONTENT_LENGTH"]),
        ({"web": {"WEB_SEARCH_DOMAIN_FILTER_LIST": "a"}}, ["body", "web", "WEB_SEARCH_DOMAIN_FILTER_LIST"]),
    ):
        assert (await ada.post(f"{RETRIEVAL}/config/update", body)).refused(422)[0]["loc"] == loc
    assert (await ada.get(f"{RETRIEVAL}/config")).ok() == before


async def test_hybrid_search_is_disabled_if_no_reranker_can_be_created(ada: Person) -> None:
    hybrid = {"ENABLE_RAG_HYBRID_SEARCH": True, "RAG_RERANKING_ENGINE": "external"}
    assert (await ada.post(f"{RETRIEVAL}/config/update", hybrid)).ok()["ENABLE_RAG_HYBRID_SEARCH"] is True
    saved = (await ada.post(f"{RETRIEVAL}/config/update", {"RAG_EXTERNAL_RERANKER_TIMEOUT": "soon"})).ok()
    assert saved["ENABLE_RAG_HYBRID_SEARCH"] is False and saved["RAG_EXTERNAL_RERANKER_TIMEOUT"] == "soon"


async def test_settings_of_the_embedding_engine(ada: Person) -> None:
    before = (await ada.get(f"{RETRIEVAL}/embedding")).ok()
    assert before["RAG_EMBEDDING_ENGINE"] == ""
    sent = {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_EMBEDDING_MODEL": " small ",
        "openai_config": {"url": "http://127.0.0.1:9/v1", "key": None},
        "ollama_config": {"url": "http://127.0.0.1:9", "key": "not this one"},
    }
    saved = (await ada.post(f"{RETRIEVAL}/embedding/update", sent)).ok()
    assert saved == before | {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_EMBEDDING_MODEL": "small",
        "openai_config": {"url": "http://127.0.0.1:9/v1", "key": ""},
    }
    assert (await ada.get(f"{RETRIEVAL}/embedding")).ok() == saved
    refusal = await ada.post(f"{RETRIEVAL}/embedding/update", sent | {"RAG_EMBEDDING_ENGINE": "guess"})
    refusal.refused(400, "[ERROR: Error updating embedding configuration]")
    problems = (await ada.post(f"{RETRIEVAL}/embedding/update", {})).refused(422)
    assert [problem["loc"] for problem in problems] == [
        ["body", "RAG_EMBEDDING_ENGINE"],
        ["body", "RAG_EMBEDDING_MODEL"],
    ]
    assert (await ada.get(f"{RETRIEVAL}/embedding")).ok() == saved
