"""`grep_knowledge_files` and `grep_chat_files`: find the lines of files that match a pattern."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from fastback.completions.sources import source_store
from fastback.completions.tools.builtin.builtin_tool import Parameter, flag, text
from fastback.completions.tools.builtin.knowledge.text_matcher import Matches, TextMatcher
from fastback.kit.db import Database

#: Files whose texts are in memory at the same time.
_BATCH = 8


class SearchedFile(msgspec.Struct, frozen=True):
    """A file whose text is searched."""

    id: str
    filename: str | None


def build_parameters(scope: str) -> list[Parameter]:
    """Return the parameters of a tool that searches files; `scope` says which."""
    return [
        text("pattern", "Text to find. Patterns such as `error|warn` or `version \\d+` are regular expressions"),
        text("file_id", f"Id of the only file to search; by default all files {scope}", None),
        flag("case_insensitive", "Whether upper and lower case are the same", False),
        flag("count_only", "Whether to return only the number of matches in each file", False),
    ]


async def search_files(
    db: Database, files: Sequence[SearchedFile], matcher: TextMatcher, limit: int
) -> list[tuple[SearchedFile, Matches]]:
    """Return the files with matches, and together at most `limit` of their lines.

    Raises:
        ToolError: the time is over.
    """
    results: list[tuple[SearchedFile, Matches]] = []
    line_count = 0
    for start in range(0, len(files), _BATCH):
        batch = files[start : start + _BATCH]
        texts = await source_store.load_file_texts(db, [file.id for file in batch])
        for file in batch:
            matches = await asyncio.to_thread(matcher.find_matches, texts.pop(file.id, ""), limit - line_count)
            if matches.count:
                line_count += len(matches.lines)
                results.append((file, matches))
    return results


async def describe_matches(
    db: Database, files: Sequence[SearchedFile], pattern: str, matcher: TextMatcher, *, limit: int, counts_only: bool
) -> str:
    """Search files, and return what models read: `id  filename:number: line`, or the counts.

    Raises:
        ToolError: the time is over.
    """
    results = await search_files(db, files, matcher, 0 if counts_only else limit)
    total = sum(matches.count for _, matches in results)
    if not results:
        return f'No matches for "{pattern}"'
    if counts_only:
        counts = [f"{file.id}  {file.filename}: {matches.count}" for file, matches in results]
        return "\n".join([*counts, f"[{total} total matches]"])
    lines = [
        f"{file.id}  {file.filename}:{line.number}: {line.text}" for file, matches in results for line in matches.lines
    ]
    if total > len(lines):
        lines.append(f"[{len(lines)} of {total} matches shown; name a file_id to see others]")
    return "\n".join(lines)
