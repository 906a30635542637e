"""Cutting texts: at the places where Open WebUI cuts them, inline and in a worker, by characters and by tokens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from splitting_cases import Case, cases, words

from fastback import messages
from fastback.config import Config, definitions
from fastback.kit.bus import Bus
from fastback.kit.workers import spool
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.interfaces import Document, RetrievalError, SpooledDocuments
from fastback.retrieval.splitting import markdown, tokens
from fastback.retrieval.splitting.chunks import SourceText, merge_short_texts
from fastback.retrieval.splitting.recursive_splitter import RecursiveSplitter
from fastback.retrieval.splitting.service import MAX_INLINE_LENGTH, ConfiguredSplitter
from fastback.settings import Settings

RECORDED = json.loads((Path(__file__).parent / "splitting.json").read_text())


@pytest.mark.parametrize(("case", "recorded"), zip(cases(), RECORDED, strict=True), ids=range(len(RECORDED)))
def test_cuts_where_open_webui_cuts(case: Case, recorded: dict[str, Any]) -> None:
    assert markdown.split_sections(case.text) == recorded["headings"]
    by_length = RecursiveSplitter(case.size, case.overlap).split_text(case.text)
    assert [[start, chunk] for start, chunk in by_length] == recorded["length"]
    by_words = list(RecursiveSplitter(case.size + 2, case.overlap, words).split_text(case.text))
    assert [chunk for _, chunk in by_words] == recorded["words"]
    assert all(case.text.startswith(chunk, start) for start, chunk in by_words)


def test_small_sections_are_put_together() -> None:
    def texts(*lengths: int, source: str = "a", file_id: str | None = None) -> list[SourceText]:
        return [SourceText(number, source, file_id, "x" * length) for number, length in enumerate(lengths)]

    def lengths(found: list[SourceText], least: int = 10, most: int = 20) -> list[int]:
        return [len(one.text) for one in merge_short_texts(found, least, most, len)]

    assert lengths(texts(3, 3, 3, 3)) == [18]  # the last one goes back
    assert lengths(texts(12, 3)) == [17]  # too short, and nothing follows
    assert lengths(texts(3, 19, 3)) == [3, 19, 3]
    assert lengths([*texts(3, source="a"), *texts(3, source="b")]) == [3, 3]
    assert lengths([*texts(3, file_id="a"), *texts(3, file_id="b"), *texts(3)]) == [3, 8]
    assert [one.document for one in merge_short_texts(texts(12, 3, 12), 10, 20, len)] == [0, 1]


Make = Callable[..., ConfiguredSplitter]


async def split(splitting: ConfiguredSplitter, documents: Sequence[Document] | SpooledDocuments) -> list[Document]:
    return [chunk async for chunk in splitting.split(documents)]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[ConfiguredSplitter] = []

    def make(**values: Any) -> ConfiguredSplitter:
        settings = Settings(data_dir=str(tmp_path))
        chosen = {f"rag.{name}": value for name, value in values.items()}
        config = Config(
            db=cast(Any, None),
            settings=settings,
            bus=Bus(),
            defaults={**definitions.compute_defaults({}), **chosen},
        )
        made.append(ConfiguredSplitter(config, settings))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_large_texts_are_cut_by_a_worker_in_the_same_way(make: Make) -> None:
    part = "# Heading\n\n" + " ".join(f"word{number} ümläut 日本" for number in range(400)) + "\n\n"
    documents = [Document(part * times, {"source": "a", "page": times}) for times in (1, 5, 20)]
    assert sum(len(one.text) for one in documents) > MAX_INLINE_LENGTH
    splitting = make(chunk_size=500, chunk_overlap=50)
    found = await split(splitting, documents)
    assert splitting.workers.process_ids
    alone = [chunk for one in documents for chunk in await split(make(chunk_size=500, chunk_overlap=50), [one])]
    assert found == alone
    assert {one.metadata["page"] for one in found} == {1, 5, 20}
    assert all(len(one.text) <= 500 and one.metadata["start_index"] >= 0 for one in found)
    assert documents[0].metadata == {"source": "a", "page": 1}


@pytest.mark.parametrize("times", [(1,), (1, 40, 3)])
async def test_documents_in_a_file_are_cut_like_others(make: Make, tmp_path: Path, times: tuple[int, ...]) -> None:
    part = "# Heading\n\n" + " ".join(f"word{number} ümläut" for number in range(100)) + "\n\n"
    path = str(tmp_path / "spool")
    spool.write_rows(path, [({"page": number}, part * number) for number in times])
    described = SpooledDocuments(path, lambda found: {"source": "a", "file_id": "f", **found})
    options = {"chunk_size": 500, "chunk_overlap": 50, "chunk_min_size_target": 200}
    held = [Document(part * number, {"source": "a", "file_id": "f", "page": number}) for number in times]
    assert await split(make(**options), described) == await split(make(**options), held)


async def test_little_text_needs_no_process(make: Make) -> None:
    splitting = make()
    (found,) = await split(splitting, [Document("# A\n\nb", {"source": "a"})])
    assert (found.text, found.metadata) == ("# A  \nb", {"source": "a", "start_index": 0})
    assert await split(splitting, [Document("  \n ")]) == []
    assert splitting.workers.process_ids == []


@pytest.mark.parametrize(
    ("values", "detail"),
    [
        ({"text_splitter": "other"}, messages.wrap_reason("Invalid text splitter")),
        ({"chunk_size": 0}, "chunk_size must be > 0, got 0"),
        ({"chunk_overlap": -1}, "chunk_overlap must be >= 0, got -1"),
        (
            {"chunk_size": 10, "chunk_overlap": 20},
            "Got a larger chunk overlap (20) than chunk size (10), should be smaller.",
        ),
        (
            {"text_splitter": "token_transformers", "embedding_model": ""},
            "Tokenizer model required for Token (Transformers) text splitter",
        ),
        ({"text_splitter": "token_transformers", "tokenizer_model": "no/such"}, "The tokenizer of 'no/such' is not on"),
        ({"text_splitter": "token", "tiktoken_encoding_name": "none"}, "There is no token encoding 'none'"),
    ],
)
async def test_what_cannot_be_is_said(make: Make, values: dict[str, Any], detail: str) -> None:
    with pytest.raises(RetrievalError) as refused:
        await split(make(**values), [Document("text")])
    assert str(refused.value).startswith(detail)


async def test_tokens_of_a_model_are_counted(make: Make, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    made = Tokenizer(models.WordLevel({"[U]": 0, "[C]": 1, "[S]": 2}, unk_token="[U]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing("[C] $A [S]", None, [("[C]", 1), ("[S]", 2)])
    made.enable_truncation(4)
    made.save(str(tmp_path / "tokenizer.json"))
    splitting = make(text_splitter="token_transformers", tokenizer_model=str(tmp_path), chunk_size=8, chunk_overlap=0)
    found = await split(splitting, [Document("one two three four five six seven eight nine ten")])
    # Each word with its marks is three long, and so much as nothing has two.
    assert [one.text for one in found] == ["one two", "three four", "five six", "seven eight", "nine ten"]


def test_tokens_of_an_encoding_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    import tiktoken

    ranks = {bytes([byte]): byte for byte in range(256)}
    encoding = tiktoken.Encoding("bytes", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={"<|end|>": 256})
    monkeypatch.setitem(tokens._encodings, "bytes", encoding)
    assert list(tokens.split_by_tokens("abcdefghij", "bytes", 4, 1)) == [(0, "abcd"), (3, "defg"), (6, "ghij")]
    assert list(tokens.split_by_tokens("aé<|end|>", "bytes", 2, 0))[:3] == [(0, "a�"), (1, "�<"), (3, "|e")]
    with pytest.raises(JobFailed, match="must be greater than chunk_overlap"):
        list(tokens.split_by_tokens("abc", "bytes", 2, 2))


def test_an_encoding_that_cannot_be_had_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import tiktoken

    def fetch(name: str) -> Any:
        raise ConnectionError("nobody there")

    monkeypatch.setattr(tiktoken, "get_encoding", fetch)
    with pytest.raises(JobFailed, match=r"'gpt2' is not in the cache \(TIKTOKEN_CACHE_DIR\) and cannot be fetched"):
        tokens.make_encoding_measure("gpt2")
