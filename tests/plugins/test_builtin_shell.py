"""The tool that reads knowledge with the commands of a shell."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Person, Server
from fastback.kit.db import Database
from knowledge_calls import (
    HELPER,
    TEA,
    build_environment,
    call,
    create_helper,
    list_tools,
    share_base,
)
from queued_model import QueuedModel
from source_samples import create_file, create_knowledge


@pytest.fixture
def environment(model: QueuedModel, upstream: str) -> dict[str, str]:
    return {**build_environment(model, upstream), "ENABLE_KB_EXEC": "true", "KB_EXEC_MAX_OUTPUT_CHARS": "300"}


async def run_commands(person: Person, model: QueuedModel, *lines: str, **more: Any) -> list[str]:
    return (await call(person, model, *(("kb_exec", {"command": line}) for line in lines), **more)).texts


async def test_knowledge_is_read_with_the_commands_of_a_shell(
    server: Server, ada: Person, bob: Person, model: QueuedModel
) -> None:
    await share_base(ada)
    await create_file(server, bob, "tea", TEA)
    await create_file(server, bob, "bread", "Bread: 230 degrees.")
    await create_file(server, ada, "secret", "The key is below the mat.")
    await create_knowledge(server, bob, "kitchen", "tea", "bread")
    await create_knowledge(server, ada, "safe", "secret")
    form = {"name": "hot", "parent_id": None}
    hot = (await bob.post("/api/v1/knowledge/kitchen/dirs/create", form)).ok()["id"]
    form = {"name": "drinks", "parent_id": hot}
    drinks = (await bob.post("/api/v1/knowledge/kitchen/dirs/create", form)).ok()["id"]
    await server.services.get(Database).execute(
        "test.move", "UPDATE knowledge_file SET directory_id = :id WHERE file_id = 'tea'", id=drinks
    )
    header = "Knowledge Base: kitchen (kitchen)"
    tree = ["  ├── 📁 hot/", "  │   └── 📁 drinks/", "  │       └── tea.txt", "  └── bread.txt"]
    expected = {
        "ls": f"{header}\n  📁 hot/\n  bread  bread.txt    1970-01-01",
        "ls hot/drinks": f"{header}\n  Path: hot/drinks/\n  tea  tea.txt    1970-01-01",
        "ls cold": f"{header}\n  Directory not found: cold",
        "ls -a": f"{header}\n  bread  bread.txt    1970-01-01\n  tea  hot/drinks/tea.txt    1970-01-01",
        "tree": "\n".join([header, *tree, "", "  2 directories, 2 files"]),
        'find "t*"': "tea  tea.txt (kitchen)",
        'find cold "*"': 'No files matching "*" under "cold/"',
        "cat -n hot/drinks/tea.txt | head -1": "1: Green tea: 70 degrees.",
        "tail -1 tea.txt": "Error 42 in the kettle.\n[showing last 1 of 3 lines]",
        "head -n 1 tea": "Green tea: 70 degrees.\n[showing 1 of 3 lines]",
        "sed -n '2,9p' tea": "Black tea: 95 degrees.\nError 42 in the kettle.\n[lines 2-3 of 3]",
        "wc tea": "  3  13  69  tea.txt",
        "cat tea | wc -l": "3",
        'grep "degrees" hot/': "tea  tea.txt:1: Green tea: 70 degrees.\ntea  tea.txt:2: Black tea: 95 degrees.",
        "grep -c degrees": "bread  bread.txt: 1\ntea  tea.txt: 2\nTotal: 3 matches in 2 files",
        "grep -il 'error|230' *.txt": "bread  bread.txt\ntea  tea.txt",
        "grep degrees tea.txt | grep -i BLACK": "2: 2: Black tea: 95 degrees.",
        "grep key": 'No matches for "key" across 2 files',
        "cat secret": "File not found: secret",
        "rm tea": "Unknown command: rm. Available: cat, find, grep, head, ls, sed, stat, tail, tree, wc",
        "cat 'tea": "File not found: 'tea",
        "sed -n '3,2p' tea": "Invalid range: start (3) > end (2)",
        " | ": 'Usage: kb_exec("<command>"). Run kb_exec("ls") to start.',
    }
    results = dict(zip(expected, await run_commands(bob, model, *expected), strict=True))
    assert results == expected
    assert list_tools(model) == ["kb_exec", "query_knowledge_files", "query_knowledge_bases", "search_knowledge_bases"]
    (stat,) = await run_commands(bob, model, "stat tea.txt")
    for line in ("File: hot/drinks/tea.txt", "Type: text/plain", "Chars: 69", "KB: kitchen (kitchen)"):
        assert line in stat
    # A model with attached knowledge sees only that; names that are no longer unique are refused; output ends.
    other = await create_file(server, ada, "other", "x" * 1000)
    await server.services.get(Database).execute(
        "test.name", "UPDATE file SET filename = 'bread.txt' WHERE id = 'other'"
    )
    kitchen = {"type": "collection", "id": "kitchen", "name": "kitchen"}
    await create_helper(ada, kitchen, other)
    ambiguous, long, attached = await run_commands(bob, model, "cat bread.txt", "cat other", "tree", models=[HELPER])
    assert ambiguous.startswith('Ambiguous filename "bread.txt"') and "  other  bread.txt  (attached)" in ambiguous
    assert long.startswith("x" * 300 + "\n[output truncated at 300 chars")
    assert attached.endswith("Attached Files:\n  └── bread.txt\n\n  0 directories, 1 files")
    assert list_tools(model) == ["kb_exec", "query_knowledge_files"]
