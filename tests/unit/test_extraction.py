"""Text extraction from files of each format, and the errors of files without text."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ftfy
import pytest

import hostile_files
import sample_documents
from extraction_helpers import extract_documents
from fastback import messages
from fastback.kit.workers import spool
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction import text_repair
from fastback.retrieval.extraction.extraction_pool import ExtractionPool
from fastback.retrieval.extraction.formats import ocr
from fastback.retrieval.extraction.formats.reader import SourceFile
from fastback.retrieval.interfaces import Document, RetrievalError

Extract = Callable[..., Any]


@pytest.fixture
def extract(tmp_path: Path) -> Extract:
    """Return a function that extracts documents like a worker, but in this process."""

    return partial(extract_documents, tmp_path)


async def test_unexpected_errors_of_a_reader_are_not_shown(tmp_path: Path) -> None:
    pool = ExtractionPool()
    with pytest.raises(RetrievalError) as refusal:
        await pool.extract_to_spool(SourceFile(str(tmp_path / "missing"), "a.txt", "txt"), str(tmp_path / "spool"))
    await pool.close()
    assert str(refusal.value) == (
        "This file cannot be read: it is damaged, or uses its format in a way that is not supported."
    )


async def test_a_worker_reads_for_the_server(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("Grüße\r\n" * 100_000)
    pool = ExtractionPool()
    spool_path = str(tmp_path / "spool")
    await pool.extract_to_spool(SourceFile(str(tmp_path / "file"), "a.txt", "txt"), spool_path)
    assert list(spool.read_rows(spool_path)) == [({"source": str(tmp_path / "file")}, "Grüße\n" * 100_000)]
    await pool.repair_documents([Document("ﬁne", {"page": 1}), Document("")], spool_path)
    assert list(spool.read_rows(spool_path)) == [({"page": 1}, "fine"), ({}, "")]
    await pool.close()


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
    (document,) = extract("a.txt", text.encode(encoding), "text/plain")
    assert document.text == text


@pytest.mark.parametrize("name", ["a.md", "a.py", "a.txt"])
def test_a_text_that_contains_a_pdf_signature_is_a_text(extract: Extract, name: str) -> None:
    (document,) = extract(name, "MAGIC = b'%PDF-1.7'")
    assert document.text == "MAGIC = b'%PDF-1.7'"


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("a.pdf", b"HTTP/1.1 200 OK\n"),
        ("scan", b"\r\n"),
        ("a.pdf", b"@PJL SET A=1\r\n" * 100),
        ("a.pdf", bytes(90_000)),
    ],
)
def test_a_pdf_may_have_bytes_before_its_signature(extract: Extract, name: str, prefix: bytes) -> None:
    (document,) = extract(name, prefix + sample_documents.pdf("Herons eat fish."))
    assert "Herons eat fish." in document.text


def test_the_mimetype_entry_of_an_archive_is_not_unpacked(extract: Extract) -> None:
    content = hostile_files.archive({"mimetype": bytes(30 * 1024 * 1024)})
    tracemalloc.start()
    try:
        with pytest.raises(JobFailed, match="its content is missing"):
            extract("a.odt", content)
        assert tracemalloc.get_traced_memory()[1] < 5 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_each_row_of_a_table_is_a_document(extract: Extract) -> None:
    documents = extract("a.csv", "name,age\r\nAda, 36\r\nBob,7,extra\r\n", csv_summary=True)
    assert [document.text for document in documents] == [
        "Table: 3 rows incl. header; 2 data rows; 3 columns: name, age.",
        "name: Ada\nage: 36",
        "name: Bob\nage: 7\nNone: extra",
    ]
    assert [document.metadata["row"] for document in documents] == [-1, 0, 1]


def test_columns_with_empty_or_repeated_headings_are_kept(extract: Extract) -> None:
    for name, separator in (("a.csv", ","), ("a.tsv", "\t")):
        documents = extract(name, ",age,age,\nAda,36,37,x\n\nBob,7\n".replace(",", separator))
        assert [document.text for document in documents] == [
            ": Ada\nage: 36\nage: 37\n: x",
            ": Bob\nage: 7\nage: None\n: None",
        ]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"8=FIX.4.2\x019=65\x0135=A\x0149=S\x0156=T\x01\n" * 200, "8=FIX.4.29=6535=A49=S56=T\n" * 200),
        ("8=FIX\x0158=Müller\x01\n".encode("latin-1") * 200, "8=FIX58=Müller\n" * 200),
        (b"a\x1eb\x1fc\n" + b"long line\n" * 20, "abc\n" + "long line\n" * 20),
        (b"int a;\x00\n", "int a;\n"),
        (b"REM done\r\n\x1a", "REM done\n"),
    ],
)
def test_texts_with_control_characters_are_texts(extract: Extract, content: bytes, text: str) -> None:
    for name in ("a.log", "a.py", "a"):
        assert extract(name, content)[0].text.replace("\x1a", "") == text


def test_binary_files_are_refused(extract: Extract) -> None:
    with pytest.raises(JobFailed) as error:
        extract("a.bin", bytes(range(256)) * 100)
    assert str(error.value) == messages.FILE_NOT_SUPPORTED


def test_pages_give_their_visible_text(extract: Extract) -> None:
    (document,) = extract(
        "a.html",
        "<html><head><title> The \n page</title><style>x{}</style></head>"
        "<body><nav><a href=x>Home</a> <b>More</b></nav><h1>Heading <i>one</i></h1>"
        "<p>Some&nbsp;<b>bold</b> text,<br>next &amp; more.</p><ul><li>a<li>b<ul><li>c</ul></ul>"
        "<table><tr><th>k<th>v<tr><td>1<td>2</table><pre>def f():\n    return 1</pre>"
        "<script>bad()</script><p>see <img alt='a picture' src=x></p></body></html>",
    )
    assert document.metadata["title"] == "The page"
    assert document.text == (
        "Home More\n\n# Heading one\n\nSome bold text,\nnext & more.\n\n- a\n- b\n  - c\n\n| k | v |\n| 1 | 2 |\n\n"
        "def f():\n    return 1\n\nsee a picture"
    )


def test_word_documents(extract: Extract) -> None:
    (document,) = extract("a.docx", sample_documents.docx())
    assert document.text == (
        "above\n\n# Report\n\nTwo\tlines\nand “quotes”\n\n- item\n  - deeper\n\n| a1 | b1 |\n| a2 x | b2 |\n\nboxed\n\n"
        "around\n\nnote"
    )
    # The content determines the format, not the file name.
    (renamed,) = extract("a.bin", sample_documents.docx())
    assert renamed.text == document.text


def test_presentations(extract: Extract) -> None:
    (document,) = extract("a.pptx", sample_documents.pptx())
    assert document.text == "Slide 1:\nSecond file\n| a | b |\n\nNotes: speak\n\nSlide 2:\nFirst file\nand more"


def test_titles_are_headings(extract: Extract) -> None:
    text = (
        b'<d><style name="P1" parent-style-name="Title"/><p style-name="P1">Report</p><p style-name="Title">Again</p>'
        b'<h outline-level="2">Part<note><p>A note</p></note></h><p style-name="P2">Text</p></d>'
    )
    (document,) = extract("a.odt", hostile_files.odt(text))
    assert document.text == "# Report\n\n# Again\n\nA note\n\n## Part\n\nText"
    (document,) = extract("a.rtf", rb"{\rtf1{\stylesheet{\s5 Title;}{\s6 Book Title;}}\s5 Report\par\pard\s6 Text\par}")
    assert document.text == "# Report\n\nText"


def test_open_documents(extract: Extract) -> None:
    (document,) = extract("a.odt", sample_documents.odt())
    assert document.text == "# Report\n\nTwo  blanks\tand\nlines\n\n- item\n\n| a | b | b |"
    (document,) = extract("a.odp", sample_documents.odp())
    assert document.text == "Slide 1:\n\nFirst\n\nNotes: speak\n\nSlide 2:\n\nSecond"


def test_books(extract: Extract) -> None:
    (document,) = extract("a.epub", sample_documents.epub())
    assert document.text == "# Two\n\nsecond file\n\n# One\n\nfirst file"
    assert document.metadata["title"] == "The Book"


@pytest.mark.parametrize("name", ["a.xlsx", "a.ods", "a.xls"])
def test_spreadsheets(extract: Extract, name: str) -> None:
    (document,) = extract(
        name, {"a.xlsx": sample_documents.xlsx, "a.ods": sample_documents.ods, "a.xls": sample_documents.xls}[name]()
    )
    assert document.text.startswith("Sheet: First\n| name | age |\n| Ada | 36 |")


def test_mail(extract: Extract) -> None:
    (document,) = extract("a.eml", sample_documents.mail(), "message/rfc822")
    assert document.text == (
        "Subject: Grüße & plans\nFrom: Ada <ada@example.com>\nTo: bob@example.com\n"
        "Date: Mon, 01 Jan 2024 10:00:00 +0000\nAttachments: plan.pdf\n\nHello Bob,\n\nsee you – Ada"
    )
    assert document.metadata["title"] == "Grüße & plans"
    (document,) = extract("a.msg", sample_documents.outlook())
    assert document.text == (
        "Subject: Plans\nFrom: Ada <ada@example.com>\nTo: Bob\nDate: 2024-01-01 10:00:00+00:00\n"
        "Attachments: plan.pdf\n\nHello Bob"
    )


def test_old_office_files(extract: Extract) -> None:
    (document,) = extract("a.doc", sample_documents.doc())
    assert document.text == "Grüße – 日本\n\nlink\n\n| a | b |\n| c | d |\n\nend"
    (document,) = extract("a.ppt", sample_documents.ppt())
    assert document.text == "Slide 1:\nTitle\nBody Ω\nbox"


def test_rich_text(extract: Extract) -> None:
    (document,) = extract("a.rtf", sample_documents.RTF)
    assert document.text == "# Head\n\nGrüße – 日本 {x}\n\nМир\n\n| a | b |\n| c | d |\n\nend"


def test_a_pdf_is_read_by_page_or_as_one_document(extract: Extract) -> None:
    pages = extract("a.pdf", sample_documents.pdf("First page", "Second (page)"))
    assert [page.text for page in pages] == ["First page", "Second (page)"]
    assert pages[1].metadata == {
        "producer": "",
        "creator": "Hand",
        "creationdate": "2024-01-31T12:00:00+01:00",
        "title": "The Title",
        "source": pages[0].metadata["source"],
        "total_pages": 2,
        "page": 1,
        "page_label": "ii",
    }
    (document,) = extract("a.pdf", sample_documents.pdf("First page", "Second (page)"), pdf_pages=False)
    assert document.text == "First page\n\fSecond (page)"
    assert "page" not in document.metadata and document.metadata["total_pages"] == 2


def test_pictures_in_pdfs_are_read_with_an_ocr_engine(extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []

    def read_picture(pixels: Any) -> Any:
        shapes.append(pixels.shape)
        return SimpleNamespace(txts=("words", str(len(shapes))))

    monkeypatch.setattr(ocr, "_load_engine", lambda params: read_picture if params == "{}" else None)
    (document,) = extract("a.pdf", sample_documents.pdf_with_pictures(), pdf_images=True, ocr="{}")
    assert document.text == "Text\n\nwords\n1\nwords\n2"
    assert shapes == [(32, 32, 3), (48, 48, 3)]
    for options in ({"pdf_images": True, "ocr": "none"}, {}):
        assert extract("a.pdf", sample_documents.pdf_with_pictures(), **options)[0].text == "Text"


def test_texts_are_repaired_like_ftfy() -> None:
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
    generator = random.Random(3)
    parts = ["".join(generator.choices(pieces, k=generator.randint(1, 12))) for _ in range(2000)]
    for text in (*parts, "\n".join(parts)):
        assert text_repair.repair_text(text) == ftfy.fix_text(text, text_repair._FIXER_CONFIG)


def test_files_with_the_extension_of_another_format(extract: Extract) -> None:
    (document,) = extract("a.xls", "<html><body><table><tr><td>1<td>2</table>", "application/vnd.ms-excel")
    assert document.text == "| 1 | 2 |"
    (document,) = extract("a.json", '{"a": 1}', "application/json")
    assert document.text == '{"a": 1}'
    (document,) = extract("a.txt", "")
    assert document.text == ""
