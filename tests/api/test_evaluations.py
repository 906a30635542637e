"""Feedback and the leaderboard: who sees feedback, and how ratings are computed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from conftest import Person, Server
from fastback.kit.db import Database

EVALUATIONS = "/api/v1/evaluations"
FEEDBACK = f"{EVALUATIONS}/feedback"


async def submit_rating(person: Person, model: str, rating: Any, *others: str, tags: Any = ()) -> dict[str, Any]:
    data = {"rating": rating, "model_id": model, "sibling_model_ids": list(others), "tags": list(tags)}
    body = {"type": "rating", "data": data, "snapshot": {"chat": {"title": "kept"}}}
    feedback: dict[str, Any] = (await person.post(FEEDBACK, body)).ok()
    return feedback


async def test_only_its_author_and_administrators_see_feedback(ada: Person, bob: Person, cy: Person) -> None:
    feedback = await submit_rating(bob, "large", 1, "small")
    path = f"{FEEDBACK}/{feedback['id']}"
    assert (await bob.get(path)).ok() == feedback
    assert (await ada.get(path)).ok() == feedback
    (await cy.get(path)).refused(404)
    (await cy.post(path, {"type": "rating", "data": {"rating": -1}})).refused(404)
    (await cy.delete(path)).refused(404)
    assert (await cy.get(f"{EVALUATIONS}/feedbacks/user")).ok() == {"items": [], "total": 0}
    assert (await cy.delete(f"{EVALUATIONS}/feedbacks")).ok() is False
    for path in ("feedbacks/list", "feedbacks/all/ids", "feedbacks/all/export", "feedbacks/models", "leaderboard"):
        (await bob.get(f"{EVALUATIONS}/{path}")).refused(401)
    (await bob.delete(f"{EVALUATIONS}/feedbacks/all")).refused(401)
    assert (await ada.get(f"{EVALUATIONS}/feedbacks/list")).ok()["total"] == 1


async def test_lists_omit_the_snapshot_and_come_in_pages(ada: Person, bob: Person) -> None:
    for number in range(31):
        await submit_rating(bob, f"model-{number:02}", 1)
    first = (await ada.get(f"{EVALUATIONS}/feedbacks/list", order_by="model_id", direction="asc")).ok()
    assert first["total"] == 31
    assert [entry["data"]["model_id"] for entry in first["items"]] == [f"model-{number:02}" for number in range(30)]
    assert "snapshot" not in first["items"][0]
    assert first["items"][0]["user"]["name"] == "Bob"
    second = (await ada.get(f"{EVALUATIONS}/feedbacks/list", order_by="model_id", direction="asc", page=2)).ok()
    assert [entry["data"]["model_id"] for entry in second["items"]] == ["model-30"]
    exported = (await ada.get(f"{EVALUATIONS}/feedbacks/all/export")).ok()
    assert len(exported) == 31
    assert exported[0]["snapshot"] == {"chat": {"title": "kept"}}


async def test_ratings_change_by_the_difference_to_the_expected_score(ada: Person, bob: Person) -> None:
    await submit_rating(bob, "large", 1, "small", tags=["bread", "soup"])
    await submit_rating(bob, "large", "1", "small", tags=["bread"])
    await submit_rating(bob, "small", -1, "tiny")
    await submit_rating(bob, "tiny", 10, "large")
    board = (await ada.get(f"{EVALUATIONS}/leaderboard")).ok()["entries"]
    assert [(entry["model_id"], entry["won"], entry["lost"], entry["count"]) for entry in board] == [
        ("large", 2, 0, 2),
        ("tiny", 1, 0, 1),
        ("small", 0, 3, 3),
    ]
    # 1000 + 16, then 32 × (1 − expected) with expected = 1 / (1 + 10^(−32/400)).
    assert board[0]["rating"] == 1031
    assert board[0]["top_tags"] == [{"tag": "bread", "count": 2}, {"tag": "soup", "count": 1}]
    days = (await ada.get(f"{EVALUATIONS}/leaderboard/large/history", days=3)).ok()["history"]
    assert [(day["won"], day["lost"]) for day in days] == [(0, 0), (0, 0), (2, 0)]
    (await ada.get(f"{EVALUATIONS}/leaderboard/large/history", days=10**9)).refused(422)


async def test_a_long_leaderboard_does_not_block_the_server(ada: Person, server: Server) -> None:
    db = server.services.get(Database)
    row = {"type": "rating", "data": '{"rating": 1, "model_id": "a", "sibling_model_ids": ["b", "c"], "tags": ["x"]}'}
    text = """INSERT INTO feedback (id, user_id, version, type, data, created_at, updated_at)
        VALUES (:id, :user, 0, :type, :data, :now, :now)"""
    for start in range(0, 40_000, 2_000):
        rows = [{"id": f"f{start + n}", "user": ada.id, "now": start + n, **row} for n in range(2_000)]
        await db.execute_many("test.feedback", text, rows)
    longest = 0.0
    task = asyncio.create_task(ada.get(f"{EVALUATIONS}/leaderboard"))
    while not task.done():
        started = time.thread_time()  # time of this thread alone; the load of the machine does not count
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - started)
    assert (await task).ok()["entries"][0]["won"] == 80_000
    assert longest < 0.03  # computed in the loop it would take three times as long


async def test_invalid_feedback_is_reported(bob: Person) -> None:
    problems = (await bob.post(FEEDBACK, {"data": {"rating": [], "model_id": 1}})).refused(422)
    assert [problem["loc"] for problem in problems] == [
        ["body", "type"],
        ["body", "data", "rating", "str"],
        ["body", "data", "rating", "int"],
        ["body", "data", "model_id"],
    ]
