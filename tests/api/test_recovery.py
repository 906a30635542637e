"""What a killed process leaves behind is in the chat when the next one has started."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from pathlib import Path

from conftest import Person, postgres_database, run_server
from fastback.kit.db import Database


async def test_an_answer_that_was_cut_off_is_kept(database: str, tmp_path: Path) -> None:
    question = {"id": "q", "role": "user", "content": "Tell me", "parentId": None, "childrenIds": ["a"]}
    answer = {"id": "a", "role": "assistant", "content": "", "parentId": "q", "childrenIds": [], "done": False}
    history = {"currentId": "a", "messages": {"q": question, "a": answer}}
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Once upon"}]}]
    async with postgres_database() if database == "postgres" else nullcontext("") as address:
        env = {"DATABASE_URL": address, "WEBUI_SECRET_KEY": "k" * 40, "ENABLE_OLLAMA_API": "false"}
        async with run_server(env, tmp_path, database) as server:
            ada = await server.sign_up("Ada")
            chat_id = (await ada.post("/api/v1/chats/new", {"chat": {"title": "Tale", "history": history}})).ok()["id"]
            # As a process leaves it that is killed while an answer grows: the row knows more than the document.
            await server.services.get(Database).execute(
                "test.cut_off",
                """UPDATE chat_message SET content = :content, output = :output, done = FALSE,
                       updated_at = updated_at - 10 WHERE id = :id""",
                id=f"{chat_id}-a",
                content=json.dumps("Once upon"),
                output=json.dumps(output),
            )
        async with run_server(env, tmp_path, database) as server:
            again = Person(server.url, ada.token, ada.account)
            server.people.append(again)
            for _ in range(100):
                found = (await again.get(f"/api/v1/chats/{chat_id}")).ok()["chat"]["history"]["messages"]["a"]
                if found["done"]:
                    break
                await asyncio.sleep(0.05)
            assert found["content"] == "Once upon" and found["done"] is True
            assert found["output"] == output
