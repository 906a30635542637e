"""Text out of files: what each kind gives, and what is said of files that give nothing."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ftfy
import msgspec
import pytest

import hostile_files
import sample_documents
from fastback import messages
from fastback.kit.workers import spool
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction import text_repair, worker
from fastback.retrieval.extraction.extraction_pool import ExtractionPool
from fastback.retrieval.extraction.formats import ocr
from fastback.retrieval.extraction.formats.reader import SourceFile
from fastback.retrieval.interfaces import Document

Extract = Callable[..., Any]


@pytest.fixture
def extract(tmp_path: Path) -> Extract:
    """Reading as a worker does it, in this process."""

    def extract(name: str, content: bytes | str, content_type: str = "", **options: Any) -> list[Document]:
        path = tmp_path / "file"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        source = SourceFile(str(path), name, name.rsplit(".", 1)[-1].lower(), content_type, **options)
        count = worker.handle({"source": msgspec.to_builtins(source), "spool": str(tmp_path / "spool")})
        found = [Document(text, metadata) for metadata, text in spool.read_rows(tmp_path / "spool")]
        assert len(found) == count
        return found

    return extract


async def test_a_worker_reads_for_the_server(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("Grüße\r\n" * 100_000)
    local = ExtractionPool()
    into = str(tmp_path / "spool")
    await local.extract_to_spool(SourceFile(str(tmp_path / "file"), "a.txt", "txt"), into)
    assert list(spool.read_rows(into)) == [({"source": str(tmp_path / "file")}, "Grüße\n" * 100_000)]
    await local.repair_documents([Document("ﬁne", {"page": 1}), Document("")], into)
    assert list(spool.read_rows(into)) == [({"page": 1}, "fine"), ({}, "")]
    await local.close()


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "Grüße aus München, schön"),
        ("utf-8-sig", "Grüße"),
        ("utf-16", "Grüße"),
        ("cp1252", "Grüße aus München: schön ist es hier, und überall blüht der Flieder."),
        ("euc-jp", "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"),
        ("iso-2022-jp", "吾輩は猫である。"),
        ("iso8859-2", "Zażółć gęślą jaźń. Wszystkie szczęśliwe rodziny są do siebie podobne."),
        ("gb18030", "春天来了，花开满园，小鸟在枝头歌唱。"),
        ("cp1251", "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему."),
    ],
)
def test_plain_text_in_any_encoding(extract: Extract, encoding: str, text: str) -> None:
    (found,) = extract("a.txt", text.encode(encoding), "text/plain")
    assert found.text == text


@pytest.mark.parametrize("name", ["a.md", "a.py", "a.txt"])
def test_a_text_that_speaks_of_pdfs_is_a_text(extract: Extract, name: str) -> None:
    (found,) = extract(name, "MAGIC = b'%PDF-1.7'")
    assert found.text == "MAGIC = b'%PDF-1.7'"


@pytest.mark.parametrize(("name", "before"), [("a.pdf", b"HTTP/1.1 200 OK\n"), ("scan", b"\r\n")])
def test_a_pdf_may_begin_with_something_else(extract: Extract, name: str, before: bytes) -> None:
    (found,) = extract(name, before + sample_documents.pdf("Herons eat fish."))
    assert "Herons eat fish." in found.text


def test_what_an_archive_says_of_itself_is_not_unpacked(extract: Extract) -> None:
    content = hostile_files.archive({"mimetype": bytes(30 * 1024 * 1024)})
    tracemalloc.start()
    try:
        with pytest.raises(JobFailed, match="its content is missing"):
            extract("a.odt", content)
        assert tracemalloc.get_traced_memory()[1] < 5 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_tables_give_a_document_a_row(extract: Extract) -> None:
    found = extract("a.csv", "name,age\r\nAda, 36\r\nBob,7,extra\r\n", csv_summary=True)
    assert [one.text for one in found] == [
        "Table: 3 rows incl. header; 2 data rows; 3 columns: name, age.",
        "name: Ada\nage: 36",
        "name: Bob\nage: 7\nNone: extra",
    ]
    assert [one.metadata["row"] for one in found] == [-1, 0, 1]


def test_what_is_no_text_is_refused(extract: Extract) -> None:
    with pytest.raises(JobFailed) as refused:
        extract("a.bin", bytes(range(256)) * 100)
    assert str(refused.value) == messages.FILE_NOT_SUPPORTED


def test_pages_show_what_is_seen_of_them(extract: Extract) -> None:
    (found,) = extract(
        "a.html",
        "<html><head><title> The \n page</title><style>x{}</style></head>"
        "<body><nav><a href=x>Home</a> <b>More</b></nav><h1>Heading <i>one</i></h1>"
        "<p>Some&nbsp;<b>bold</b> text,<br>next &amp; more.</p><ul><li>a<li>b<ul><li>c</ul></ul>"
        "<table><tr><th>k<th>v<tr><td>1<td>2</table><pre>def f():\n    return 1</pre>"
        "<script>bad()</script><p>see <img alt='a picture' src=x></p></body></html>",
    )
    assert found.metadata["title"] == "The page"
    assert found.text == (
        "Home More\n\n# Heading one\n\nSome bold text,\nnext & more.\n\n- a\n- b\n  - c\n\n| k | v |\n| 1 | 2 |\n\n"
        "def f():\n    return 1\n\nsee a picture"
    )


def test_word_documents(extract: Extract) -> None:
    (found,) = extract("a.docx", sample_documents.docx())
    assert found.text == (
        "above\n\n# Report\n\nTwo\tlines\nand “quotes”\n\n- item\n  - deeper\n\n| a1 | b1 |\n| a2 x | b2 |\n\nboxed\n\n"
        "around\n\nnote"
    )
    # It is told by its content, whatever it is called.
    (again,) = extract("a.bin", sample_documents.docx())
    assert again.text == found.text


def test_presentations(extract: Extract) -> None:
    (found,) = extract("a.pptx", sample_documents.pptx())
    assert found.text == "Slide 1:\nSecond file\n| a | b |\n\nNotes: speak\n\nSlide 2:\nFirst file\nand more"


def test_open_documents(extract: Extract) -> None:
    (found,) = extract("a.odt", sample_documents.odt())
    assert found.text == "# Report\n\nTwo  blanks\tand\nlines\n\n- item\n\n| a | b | b |"
    (found,) = extract("a.odp", sample_documents.odp())
    assert found.text == "Slide 1:\n\nFirst\n\nNotes:\n\nspeak\n\nSlide 2:\n\nSecond"


def test_books(extract: Extract) -> None:
    (found,) = extract("a.epub", sample_documents.epub())
    assert found.text == "# Two\n\nsecond file\n\n# One\n\nfirst file"
    assert found.metadata["title"] == "The Book"


@pytest.mark.parametrize("name", ["a.xlsx", "a.ods", "a.xls"])
def test_spreadsheets(extract: Extract, name: str) -> None:
    (found,) = extract(
        name, {"a.xlsx": sample_documents.xlsx, "a.ods": sample_documents.ods, "a.xls": sample_documents.xls}[name]()
    )
    assert found.text.startswith("Sheet: First\n| name | age |\n| Ada | 36 |")


def test_mail(extract: Extract) -> None:
    (found,) = extract("a.eml", sample_documents.mail(), "message/rfc822")
    assert found.text == (
        "Subject: Grüße & plans\nFrom: Ada <ada@example.com>\nTo: bob@example.com\n"
        "Date: Mon, 01 Jan 2024 10:00:00 +0000\nAttachments: plan.pdf\n\nHello Bob,\n\nsee you – Ada"
    )
    assert found.metadata["title"] == "Grüße & plans"
    (found,) = extract("a.msg", sample_documents.outlook())
    assert found.text == (
        "Subject: Plans\nFrom: Ada <ada@example.com>\nTo: Bob\nDate: 2024-01-01 10:00:00+00:00\n"
        "Attachments: plan.pdf\n\nHello Bob"
    )


def test_old_office_files(extract: Extract) -> None:
    (found,) = extract("a.doc", sample_documents.doc())
    assert found.text == "Grüße – 日本\n\nlink\n\n| a | b |\n| c | d |\n\nend"
    (found,) = extract("a.ppt", sample_documents.ppt())
    assert found.text == "Slide 1:\nTitle\nBody Ω\nbox"


def test_rich_text(extract: Extract) -> None:
    (found,) = extract("a.rtf", sample_documents.RTF)
    assert found.text == "# Head\n\nGrüße – 日本 {x}\n\nМир\n\n| a | b |\n| c | d |\n\nend"


def test_pdf_by_page_or_in_one(extract: Extract) -> None:
    found = extract("a.pdf", sample_documents.pdf("First page", "Second (page)"))
    assert [one.text for one in found] == ["First page", "Second (page)"]
    assert found[1].metadata == {
        "producer": "",
        "creator": "Hand",
        "creationdate": "2024-01-31T12:00:00+01:00",
        "title": "The Title",
        "source": found[0].metadata["source"],
        "total_pages": 2,
        "page": 1,
        "page_label": "ii",
    }
    (whole,) = extract("a.pdf", sample_documents.pdf("First page", "Second (page)"), pdf_pages=False)
    assert whole.text == "First page\n\fSecond (page)"
    assert "page" not in whole.metadata and whole.metadata["total_pages"] == 2


def test_pictures_in_pdfs_are_read_where_somebody_can(extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    def engine(points: Any) -> Any:
        seen.append(points.shape)
        return SimpleNamespace(txts=("words", str(len(seen))))

    monkeypatch.setattr(ocr, "_load_engine", lambda params: engine if params == "{}" else None)
    (found,) = extract("a.pdf", sample_documents.pdf_with_pictures(), pdf_images=True, ocr="{}")
    assert found.text == "Text\n\nwords\n1\nwords\n2"
    assert seen == [(32, 32, 3), (48, 48, 3)]
    for options in ({"pdf_images": True, "ocr": "none"}, {}):
        assert extract("a.pdf", sample_documents.pdf_with_pictures(), **options)[0].text == "Text"


def test_texts_are_mended_as_ftfy_does() -> None:
    pieces = (
        *(
            "hello",
            "grÃ¼ÃŸe",
            "größe",
            "ﬁne",
            "\x07",
            "\r\n",
            "\r",
            "\u2028",
            "日本",
            "â€œquotesâ€\x9d",
            "é",
            "e\u0301",
        ),
        *(
            "\x1b[31mred\x1b[0m",
            "\ufeff",
            "&amp;",
            "“q”",
            "\t",
            " ",
            "\n",
            "\n\n",
            "ǆ",
            "\x85",
            "\xa0",
            "Ð¼Ð¸Ñ€",
            "мир",
        ),
        *("é", "e\u0301", "мир", "\ud800", "\udc00", "😀", "Ａ", "\x00", "\u206a", "â‚¬"),
    )
    chosen = random.Random(3)
    parts = ["".join(chosen.choices(pieces, k=chosen.randint(1, 12))) for _ in range(2000)]
    for text in (*parts, "\n".join(parts)):
        assert text_repair.repair_text(text) == ftfy.fix_text(text, text_repair._FIXER_CONFIG)


def test_what_programs_save_under_other_names(extract: Extract) -> None:
    (found,) = extract("a.xls", "<html><body><table><tr><td>1<td>2</table>", "application/vnd.ms-excel")
    assert found.text == "| 1 | 2 |"
    (found,) = extract("a.json", '{"a": 1}', "application/json")
    assert found.text == '{"a": 1}'
    (found,) = extract("a.txt", "")
    assert found.text == ""
