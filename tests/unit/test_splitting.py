"""Cutting texts at the same positions as Open WebUI, inline and in a worker, by characters and by tokens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from splitting_cases import Case, count_words, list_cases

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


@pytest.mark.parametrize(("case", "recorded"), zip(list_cases(), RECORDED, strict=True), ids=range(len(RECORDED)))
def test_cuts_at_the_same_positions_as_open_webui(case: Case, recorded: dict[str, Any]) -> None:
    assert markdown.split_sections(case.text) == recorded["headings"]
    by_length = RecursiveSplitter(case.size, case.overlap).split_text(case.text)
    assert [[start, chunk] for start, chunk in by_length] == recorded["length"]
    by_words = list(RecursiveSplitter(case.size + 2, case.overlap, count_words).split_text(case.text))
    assert [chunk for _, chunk in by_words] == recorded["words"]
    assert all(case.text.startswith(chunk, start) for start, chunk in by_words)


def test_short_sections_are_merged() -> None:
    def build_texts(*merge_lengths: int, source: str = "a", file_id: str | None = None) -> list[SourceText]:
        return [SourceText(number, source, file_id, "x" * length) for number, length in enumerate(merge_lengths)]

    def merge_lengths(source_texts: list[SourceText], minimum: int = 10, maximum: int = 20) -> list[int]:
        return [len(chunk.text) for chunk in merge_short_texts(source_texts, minimum, maximum, len)]

    assert merge_lengths(build_texts(3, 3, 3, 3)) == [18]  # the last one is merged backwards
    assert merge_lengths(build_texts(12, 3)) == [17]  # too short, and nothing follows
    assert merge_lengths(build_texts(3, 19, 3)) == [3, 19, 3]
    assert merge_lengths([*build_texts(3, source="a"), *build_texts(3, source="b")]) == [3, 3]
    assert merge_lengths([*build_texts(3, file_id="a"), *build_texts(3, file_id="b"), *build_texts(3)]) == [3, 8]
    assert [chunk.document for chunk in merge_short_texts(build_texts(12, 3, 12), 10, 20, len)] == [0, 1]


MakeSplitter = Callable[..., ConfiguredSplitter]


async def collect_chunks(
    splitting: ConfiguredSplitter, documents: Sequence[Document] | SpooledDocuments
) -> list[Document]:
    return [chunk async for chunk in splitting.split(documents)]


@pytest.fixture
async def make_splitter(tmp_path: Path) -> AsyncIterator[MakeSplitter]:
    splitters: list[ConfiguredSplitter] = []

    def make_splitter(**values: Any) -> ConfiguredSplitter:
        settings = Settings(data_dir=str(tmp_path))
        chosen_values = {f"rag.{name}": value for name, value in values.items()}
        config = Config(
            db=cast(Any, None),
            settings=settings,
            bus=Bus(),
            defaults={**definitions.compute_defaults({}), **chosen_values},
        )
        splitters.append(ConfiguredSplitter(config, settings))
        return splitters[-1]

    yield make_splitter
    for splitter in splitters:
        await splitter.close()


async def test_large_texts_are_cut_by_a_worker_in_the_same_way(make_splitter: MakeSplitter) -> None:
    part = "# Heading\n\n" + " ".join(f"word{number} ümläut 日本" for number in range(400)) + "\n\n"
    documents = [Document(part * times, {"source": "a", "page": times}) for times in (1, 5, 20)]
    assert sum(len(document.text) for document in documents) > MAX_INLINE_LENGTH
    splitter = make_splitter(chunk_size=500, chunk_overlap=50)
    chunks = await collect_chunks(splitter, documents)
    assert splitter.workers.process_ids
    inline_chunks = [
        chunk
        for document in documents
        for chunk in await collect_chunks(make_splitter(chunk_size=500, chunk_overlap=50), [document])
    ]
    assert chunks == inline_chunks
    assert {chunk.metadata["page"] for chunk in chunks} == {1, 5, 20}
    assert all(len(chunk.text) <= 500 and chunk.metadata["start_index"] >= 0 for chunk in chunks)
    assert documents[0].metadata == {"source": "a", "page": 1}


@pytest.mark.parametrize("times", [(1,), (1, 40, 3)])
async def test_spooled_documents_are_cut_like_documents_in_memory(
    make_splitter: MakeSplitter, tmp_path: Path, times: tuple[int, ...]
) -> None:
    part = "# Heading\n\n" + " ".join(f"word{number} ümläut" for number in range(100)) + "\n\n"
    path = str(tmp_path / "spool")
    spool.write_rows(path, [({"page": number}, part * number) for number in times])
    spooled = SpooledDocuments(path, lambda metadata: {"source": "a", "file_id": "f", **metadata})
    options = {"chunk_size": 500, "chunk_overlap": 50, "chunk_min_size_target": 200}
    documents = [Document(part * number, {"source": "a", "file_id": "f", "page": number}) for number in times]
    assert await collect_chunks(make_splitter(**options), spooled) == await collect_chunks(
        make_splitter(**options), documents
    )


async def test_a_short_text_is_cut_without_a_worker(make_splitter: MakeSplitter) -> None:
    splitter = make_splitter()
    (chunk,) = await collect_chunks(splitter, [Document("# A\n\nb", {"source": "a"})])
    assert (chunk.text, chunk.metadata) == ("# A  \nb", {"source": "a", "start_index": 0})
    assert await collect_chunks(splitter, [Document("  \n ")]) == []
    assert splitter.workers.process_ids == []


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
async def test_invalid_settings_are_refused(make_splitter: MakeSplitter, values: dict[str, Any], detail: str) -> None:
    with pytest.raises(RetrievalError) as error:
        await collect_chunks(make_splitter(**values), [Document("text")])
    assert str(error.value).startswith(detail)


async def test_tokens_of_a_model_are_counted(make_splitter: MakeSplitter, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordLevel({"[U]": 0, "[C]": 1, "[S]": 2}, unk_token="[U]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("[C] $A [S]", None, [("[C]", 1), ("[S]", 2)])
    tokenizer.enable_truncation(4)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    splitter = make_splitter(
        text_splitter="token_transformers", tokenizer_model=str(tmp_path), chunk_size=8, chunk_overlap=0
    )
    chunks = await collect_chunks(splitter, [Document("one two three four five six seven eight nine ten")])
    # Each word has three tokens including the marks; even an empty text has two.
    assert [chunk.text for chunk in chunks] == ["one two", "three four", "five six", "seven eight", "nine ten"]


def test_tokens_of_an_encoding_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    import tiktoken

    ranks = {bytes([byte]): byte for byte in range(256)}
    encoding = tiktoken.Encoding("bytes", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={"<|end|>": 256})
    monkeypatch.setitem(tokens._encodings, "bytes", encoding)
    assert list(tokens.split_by_tokens("abcdefghij", "bytes", 4, 1)) == [(0, "abcd"), (3, "defg"), (6, "ghij")]
    assert list(tokens.split_by_tokens("aé<|end|>", "bytes", 2, 0))[:3] == [(0, "a�"), (1, "�<"), (3, "|e")]
    with pytest.raises(JobFailed, match="must be greater than chunk_overlap"):
        list(tokens.split_by_tokens("abc", "bytes", 2, 2))


def test_an_unavailable_encoding_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import tiktoken

    def fetch(name: str) -> Any:
        raise ConnectionError("no connection")

    monkeypatch.setattr(tiktoken, "get_encoding", fetch)
    with pytest.raises(JobFailed, match=r"'gpt2' is not in the cache \(TIKTOKEN_CACHE_DIR\) and cannot be fetched"):
        tokens.make_encoding_measure("gpt2")
