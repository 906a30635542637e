"""The compatibility page lists the implemented operations and those that the tests request."""

from __future__ import annotations

from pathlib import Path

import compatibility_page
import operation_coverage
from fastback.compatibility.operations import Operation

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
_TEST = """
from sample_chats import build_chat, create_chat

BASE = "/api/v1/prompts"


async def _require_refusal(person, path):
    (await person.get(path)).refused(401)


async def test_something(ada, bob):
    prompt = f"{BASE}/id/{ada.id}"
    for method, path, body in (("POST", f"{prompt}/toggle", None), ("DELETE", prompt + "/delete", {})):
        (await bob.request(method, path, json=body)).refused(401)
    await _require_refusal(bob, f"{prompt}/history?page=1")
    await create_chat(ada, build_chat())


@pytest.mark.parametrize("name", ["list", "tags"])
async def test_lists(ada, name):
    (await ada.get(f"{BASE}/{name}")).ok()
"""


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8").strip() == compatibility_page.build_page().strip(), (
        "run `python tests/compatibility_page.py > docs/compatibility.md`"
    )


def test_the_requests_of_a_test_are_read_from_its_code(tmp_path: Path) -> None:
    path = tmp_path / "test_it.py"
    path.write_text(_TEST)
    assert dict(operation_coverage.count_operations_of_file(path)) == {
        Operation("POST", "/api/v1/prompts/id/{prompt_id}/toggle"): 1,
        Operation("DELETE", "/api/v1/prompts/id/{prompt_id}/delete"): 1,
        Operation("GET", "/api/v1/prompts/id/{prompt_id}/history"): 1,
        Operation("POST", "/api/v1/chats/new"): 1,
        Operation("GET", "/api/v1/prompts/list"): 1,
        Operation("GET", "/api/v1/prompts/tags"): 1,
    }
