"""What documents show beside their main text, through the whole server: charts, diagrams, comments, descriptions."""

from __future__ import annotations

import pytest

import illustrated_documents
from conftest import Person
from illustrated_documents import CHART_LINES
from knowledge_samples import embedding_settings
from upload_samples import FILES, get_file, send_file

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return embedding_settings(upstream)


async def _read_text(person: Person, content: bytes, name: str) -> str:
    file = (await send_file(person, content, name, "")).ok()
    await person.get(f"{FILES}/{file['id']}/process/status", stream=True)  # ends with the reading
    data = (await get_file(person, file["id"]))["data"]
    assert data["status"] == "completed", data["error"]
    return str(data["content"])


async def test_charts_diagrams_comments_and_descriptions_are_text(ada: Person) -> None:
    assert await _read_text(ada, illustrated_documents.docx(), "a.docx") == (
        f"Look: A heron at dusk\n\n{CHART_LINES}\n\nNest first\n\nComment by Ada: Really? Count again"
    )
    assert await _read_text(ada, illustrated_documents.pptx(), "a.pptx") == (
        f"Slide 1:\nA heron at noon\nSlide text\n\n{CHART_LINES}\n\nNest first\n\n"
        "Comment: Old remark\nComment: My reply\nComment: New remark"
    )
    assert await _read_text(ada, illustrated_documents.xlsx(), "a.xlsx") == (
        "Sheet: Birds\n| 36 |\nA heron at dawn\nBoxed\nComment on A1: Why 36?\nComment on A1: Counted twice\n"
        f"Comment on B2: A note\n\nSheet: Drawn\n{CHART_LINES}"
    )
    assert await _read_text(ada, illustrated_documents.odt(), "a.odt") == (
        "Comment by Ada: Which?\n\nComment by Ada: All?\n\nBirds here\n\nA heron at night\n\nHerons\n\n| North | 4 |"
    )


async def test_drawn_texts_and_fallbacks_of_books_are_text(ada: Person) -> None:
    assert await _read_text(ada, illustrated_documents.epub(), "a.epub") == (
        "Page\n\nInstead of it\n\nDrawn words below\n\nA whole page\n\nFallback page"
    )


async def test_a_part_is_read_once_however_often_it_is_referred_to(ada: Person) -> None:
    text = await _read_text(ada, illustrated_documents.docx_with_many_references(2000), "a.docx")
    assert text.count("Herons counted") == 1
    assert text.count("Boxed") == 3  # the chain of drawings ends where no program's chain would go on
