"""`python -m bench.documents --corpus DIRECTORY [--compare earlier.json] [--write earlier.json]`.

Extract every document in a directory, and compare the number of words per format with that of an independent
extractor: pdftotext for PDF, LibreOffice for Office documents, Python's standard library for mail and HTML. Formats
whose extractor is not installed have no recall. Times are those of the processor.
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
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec

from fastback.kit.workers import spool
from fastback.retrieval.extraction.extraction_pool import LIMITS, ExtractionPool
from fastback.retrieval.extraction.formats.reader import SourceFile
from fastback.retrieval.interfaces import RetrievalError

_WORD = re.compile(r"\w+")
_OFFICE = frozenset("doc docx odp ods odt ppt pptx rtf xls xlsb xlsm xlsx".split())  # noqa: SIM905
_HTML = frozenset(("htm", "html", "xhtml"))
_OTHERS = frozenset(("csv", "epub", "msg", "txt"))
_EXTENSIONS = _OFFICE | _HTML | _OTHERS | {"pdf", "eml"}
_TIMEOUT_SECONDS = 120


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


def _run_office(program: str, path: Path) -> str:
    target = "csv" if path.suffix.lower().startswith((".xls", ".ods")) else "txt:Text"
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--headless", "--convert-to", target, "--outdir", folder, str(path)]
        subprocess.run(command, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)
        return " ".join(output.read_text("utf-8", "replace") for output in Path(folder).iterdir())


def _find_program(extension: str) -> str:
    """Return the name of the independent extractor of a format; empty if the format has no such extractor."""
    if extension == "pdf":
        return "pdftotext" if shutil.which("pdftotext") else ""
    if extension in _OFFICE:
        return next((name for name in ("libreoffice", "soffice") if shutil.which(name)), "")
    return "Python" if extension == "eml" or extension in _HTML else ""


def _count_independent_words(program: str, path: Path) -> int:
    """Return the words that the independent extractor reads; 0 where it fails."""
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
        return 0
    return len(_WORD.findall(text))


def _read_process(pid: int) -> tuple[float, int]:
    """Return the processor time of a process in seconds, and its peak memory in bytes; zeros where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/schedstat").read_text().split()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0, 0
    match = re.search(r"VmHWM:\s+(\d+)", status)
    return int(fields[0]) / 1e9, int(match[1]) * 1024 if match else 0


async def _count_words(pool: ExtractionPool, path: Path) -> int | None:
    """Return the words of a document; None where it cannot be read."""
    source = SourceFile(str(path), path.name, path.suffix[1:].lower())
    async with spool.create_spool_file() as spool_path:
        try:
            await pool.extract_to_spool(source, spool_path)
        except RetrievalError:
            return None
        return sum([len(_WORD.findall(text)) async for _, text in spool.receive_rows(spool_path)])


async def measure_format(extension: str, paths: list[Path]) -> dict[str, Any]:
    """Return the figures of the documents of a format, which one worker reads.

    Recall counts only documents that both extractors read: words of ours / words of the other.
    """
    pool = ExtractionPool(msgspec.structs.replace(LIMITS, processes=1, jobs=100_000, idle=_TIMEOUT_SECONDS * 2))
    program = _find_program(extension)
    words = ours = others = failures = peak = 0
    seconds = 0.0
    for path in paths:
        count = await _count_words(pool, path)
        for pid in pool.workers.process_ids:
            used, memory = _read_process(pid)
            seconds, peak = max(seconds, used), max(peak, memory)
        if count is None:
            failures += 1
            continue
        words += count
        if program and (other := await asyncio.to_thread(_count_independent_words, program, path)):
            ours += count
            others += other
    await pool.close()
    return {
        "files": len(paths),
        "failures": failures,
        "words": words,
        "extractor": program or "not installed" if extension not in _OTHERS else "none",
        "recall": round(ours / others, 3) if others else None,
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
    options = parser.parse_args()
    paths: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(options.corpus.rglob("*")):
        if path.is_file() and path.suffix[1:].lower() in _EXTENSIONS:
            paths[path.suffix[1:].lower()].append(path)
    figures = {extension: asyncio.run(measure_format(extension, paths[extension])) for extension in sorted(paths)}
    _print_table(figures, json.loads(options.compare.read_text()) if options.compare else {})
    if options.write:
        options.write.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
