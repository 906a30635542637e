"""The page about compatibility says what the program answers and what the tests ask."""

from __future__ import annotations

from pathlib import Path

import compatibility_page
import operation_coverage
from fastback.compatibility.operations import Operation

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
_TEST = """
from talks import made, talk

BASE = "/api/v1/prompts"


async def _look(who, path):
    (await who.get(path)).refused(401)


async def test_something(ada, bob):
    one = f"{BASE}/id/{ada.id}"
    for method, path, body in (("POST", f"{one}/toggle", None), ("DELETE", one + "/delete", {})):
        (await bob.ask(method, path, json=body)).refused(401)
    await _look(bob, f"{one}/history?page=1")
    await made(ada, talk())


@pytest.mark.parametrize("where", ["list", "tags"])
async def test_lists(ada, where):
    (await ada.get(f"{BASE}/{where}")).ok()
"""


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8").strip() == compatibility_page.build_page().strip(), (
        "run `python tests/compatibility_page.py > docs/compatibility.md`"
    )


def test_what_a_test_asks_is_read_from_its_code(tmp_path: Path) -> None:
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
