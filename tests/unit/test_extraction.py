"""Text out of files: what each kind gives, and what is said of files that give nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from fastback import messages
from fastback.retrieval.contracts import Document, RetrievalError
from fastback.retrieval.extraction.formats.reading import Source
from fastback.retrieval.extraction.local import Local


@pytest.fixture
async def local() -> AsyncIterator[Local]:
    made = Local()
    yield made
    await made.close()


Extract = Callable[..., Any]


@pytest.fixture
def extract(local: Local, tmp_path: Path) -> Extract:
    async def extract(name: str, content: bytes | str, content_type: str = "", **options: Any) -> list[Document]:
        path = tmp_path / "file"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        extension = name.rsplit(".", 1)[-1].lower()
        return await local.extract(Source(str(path), name, extension, content_type, **options))

    return extract


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "Grüße aus München, schön"),
        ("utf-8-sig", "Grüße"),
        ("utf-16", "Grüße"),
        ("cp1252", "Grüße aus München: schön ist es hier, und überall blüht der Flieder."),
        ("gb18030", "春天来了，花开满园，小鸟在枝头歌唱。"),
        ("cp1251", "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему."),
    ],
)
async def test_plain_text_in_any_encoding(extract: Extract, encoding: str, text: str) -> None:
    (found,) = await extract("a.txt", text.encode(encoding), "text/plain")
    assert found.text == text


async def test_tables_give_a_document_a_row(extract: Extract) -> None:
    found = await extract("a.csv", "name,age\r\nAda, 36\r\nBob,7,extra\r\n", csv_summary=True)
    assert [one.text for one in found] == [
        "Table: 3 rows incl. header; 2 data rows; 3 columns: name, age.",
        "name: Ada\nage: 36",
        "name: Bob\nage: 7\nNone: extra",
    ]
    assert [one.metadata["row"] for one in found] == [-1, 0, 1]


async def test_what_is_no_text_is_refused(extract: Extract) -> None:
    with pytest.raises(RetrievalError) as refused:
        await extract("a.bin", bytes(range(256)) * 100)
    assert str(refused.value) == messages.FILE_NOT_SUPPORTED
