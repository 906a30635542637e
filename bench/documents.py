"""`python -m bench.documents --corpus DIRECTORY [--compare earlier.json] [--write earlier.json]`.

Extract every document in a directory, and compare the words per format with those of an independent extractor:
pdftotext for PDF, LibreOffice for Office documents, Python's standard library for mail and HTML. Formats whose
extractor is not installed have no recall. Times are those of the processor. `--missing` prints words that only the
other extractor reads.
"""

from __future__ import annotations

import argparse
import asyncio
import email
import email.policy
import json
import re
import shutil
import subprocess
import tempfile
from collections import Counter, defaultdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec

from fastback.kit.workers import spool
from fastback.retrieval.extraction.extraction_pool import LIMITS, ExtractionPool
from fastback.retrieval.extraction.formats.reader import SourceFile
from fastback.retrieval.interfaces import RetrievalError

_WORD = re.compile(r"\w+")
#: Words that are compared. Numbers are not: each program formats them in its own way.
_COMPARED_WORD = re.compile(r"[^\W\d_]+")
_OFFICE = frozenset("doc docx odp ods odt ppt pptx rtf xls xlsb xlsm xlsx".split())  # noqa: SIM905
_HTML = frozenset(("htm", "html", "xhtml"))
_OTHERS = frozenset(("csv", "epub", "msg", "txt"))
_EXTENSIONS = _OFFICE | _HTML | _OTHERS | {"pdf", "eml"}
_TIMEOUT_SECONDS = 120
_LISTED_WORDS = 50
#: What LibreOffice converts documents to, by the first letters of the extension; all others to plain text.
_OFFICE_TARGETS = {
    # With `,` and `"`, in UTF-8, and a file for each sheet.
    "xls": "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1",
    "ods": "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1",
    "ppt": "fodp",
    "odp": "fodp",
}


class _PageText(HTMLParser):
    """Collect the visible text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._invisible = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style", "title"):
            self._invisible = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._invisible:
            self._invisible = ""

    def handle_data(self, data: str) -> None:
        if not self._invisible:
            self.parts.append(data)


def _read_page(content: str) -> str:
    reader = _PageText()
    reader.feed(content)
    return " ".join(reader.parts)


def _read_mail(path: Path) -> str:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = message.get_body(("plain", "html"))
    text = str(body.get_content()) if body is not None else ""
    return _read_page(text) if body is not None and body.get_content_subtype() == "html" else text


class _SlideText(HTMLParser):
    """Collect the paragraphs of a presentation in OpenDocument's XML."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._depth += tag in ("text:p", "text:h")
        self.parts.append(" " if tag in ("text:p", "text:line-break", "text:tab", "text:s") else "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag in ("text:p", "text:h")

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.parts.append(data)


def _read_slides(content: str) -> str:
    reader = _SlideText()
    # Master pages hold only texts such as "Click to edit the title".
    reader.feed(content.partition("<office:body>")[2])
    return "".join(reader.parts)


def _run_office(program: str, path: Path) -> str:
    target = _OFFICE_TARGETS.get(path.suffix[1:4].lower(), "txt:Text")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as profile:
        options = [f"-env:UserInstallation=file://{profile}", "--headless", "--convert-to", target]
        command = [program, *options, "--outdir", folder, str(path)]
        subprocess.run(command, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)
        texts = [output.read_text("utf-8", "replace") for output in sorted(Path(folder).iterdir())]
    return " ".join(_read_slides(text) if target == "fodp" else text for text in texts)


def _find_program(extension: str) -> str:
    """Return the name of the independent extractor of a format; empty if the format has no such extractor."""
    if extension == "pdf":
        return "pdftotext" if shutil.which("pdftotext") else ""
    if extension in _OFFICE:
        return next((name for name in ("libreoffice", "soffice") if shutil.which(name)), "")
    return "Python" if extension == "eml" or extension in _HTML else ""


def _count_words(text: str) -> Counter[str]:
    return Counter(word.lower() for word in _COMPARED_WORD.findall(text))


def _count_independent_words(program: str, path: Path) -> Counter[str]:
    """Return the words that the independent extractor reads; none where it fails."""
    try:
        if program == "pdftotext":
            command = [program, "-q", str(path), "-"]
            result = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)
            text = result.stdout.decode("utf-8", "replace")
        elif program == "Python":
            text = _read_mail(path) if path.suffix.lower() == ".eml" else _read_page(path.read_text("utf-8", "replace"))
        else:
            text = _run_office(program, path)
    except (OSError, ValueError, LookupError, subprocess.TimeoutExpired):
        return Counter()
    return _count_words(text)


def _read_process(pid: int) -> tuple[float, int]:
    """Return the processor time of a process in seconds, and its peak memory in bytes; zeros where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/schedstat").read_text().split()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0, 0
    match = re.search(r"VmHWM:\s+(\d+)", status)
    return int(fields[0]) / 1e9, int(match[1]) * 1024 if match else 0


async def _extract_text(pool: ExtractionPool, path: Path) -> str | None:
    """Return the text of a document; None where it cannot be read."""
    source = SourceFile(str(path), path.name, path.suffix[1:].lower())
    async with spool.create_spool_file() as spool_path:
        try:
            await pool.extract_to_spool(source, spool_path)
        except RetrievalError:
            return None
        return "\n".join([text async for _, text in spool.receive_rows(spool_path)])


async def measure_format(extension: str, paths: list[Path]) -> dict[str, Any]:
    """Return the figures of the documents of a format, which one worker reads.

    Recall is the share of the other extractor's words that ours has, too, as often as the other. It counts only
    documents that both extractors read.
    """
    pool = ExtractionPool(msgspec.structs.replace(LIMITS, processes=1, jobs=100_000, idle=_TIMEOUT_SECONDS * 2))
    program = _find_program(extension)
    words = common = others = failures = peak = 0
    missing = Counter[str]()
    seconds = 0.0
    for path in paths:
        text = await _extract_text(pool, path)
        for pid in pool.workers.process_ids:
            used, memory = _read_process(pid)
            seconds, peak = max(seconds, used), max(peak, memory)
        if text is None:
            failures += 1
            continue
        words += len(_WORD.findall(text))
        if program and (other := await asyncio.to_thread(_count_independent_words, program, path)):
            missing_here = other - _count_words(text)
            missing += missing_here
            others += other.total()
            common += other.total() - missing_here.total()
    await pool.close()
    return {
        "files": len(paths),
        "failures": failures,
        "words": words,
        "extractor": program or "not installed" if extension not in _OTHERS else "none",
        "recall": round(common / others, 3) if others else None,
        "missing": dict(missing.most_common(_LISTED_WORDS)),
        "seconds": round(seconds, 2),
        "peak": peak,
    }


def _print_table(figures: dict[str, Any], earlier: dict[str, Any]) -> None:
    print("| format | files | failures | words | independent extractor | recall | seconds | peak MB |")
    print("|---|---|---|---|---|---|---|---|")
    for extension, row in figures.items():
        previous = earlier.get(extension, {})

        def show(key: str, row: dict[str, Any] = row, previous: dict[str, Any] = previous) -> str:
            value = "–" if row[key] is None else str(row[key])
            return f"{previous[key]} → {value}" if key in previous and previous[key] != row[key] else value

        peak = f"{row['peak'] / 1e6:.0f}"
        print(
            f"| {extension} | {row['files']} | {show('failures')} | {show('words')} | {row['extractor']} | "
            f"{show('recall')} | {show('seconds')} | {peak} |"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.documents")
    parser.add_argument("--corpus", type=Path, required=True, help="a directory of documents")
    parser.add_argument("--compare", type=Path, help="figures of an earlier run, which precede those of this one")
    parser.add_argument("--write", type=Path, help="where the figures of this run are stored")
    parser.add_argument("--missing", action="store_true", help="print words that only the other extractor reads")
    options = parser.parse_args()
    paths: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(options.corpus.rglob("*")):
        if path.is_file() and path.suffix[1:].lower() in _EXTENSIONS:
            paths[path.suffix[1:].lower()].append(path)
    figures = {extension: asyncio.run(measure_format(extension, paths[extension])) for extension in sorted(paths)}
    _print_table(figures, json.loads(options.compare.read_text()) if options.compare else {})
    if options.missing:
        for extension, row in figures.items():
            print(f"{extension}: {' '.join(f'{word} ({count})' for word, count in row['missing'].items()) or 'none'}")
    if options.write:
        options.write.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
