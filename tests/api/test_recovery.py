"""An answer that a killed process left unfinished is in the chat after the next start."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from pathlib import Path

from conftest import Person, postgres_database, run_server
from fastback.kit.db import Database


async def test_an_interrupted_answer_is_recovered(database: str, tmp_path: Path) -> None:
    question = {"id": "q", "role": "user", "content": "Tell me", "parentId": None, "childrenIds": ["a"]}
    answer = {"id": "a", "role": "assistant", "content": "", "parentId": "q", "childrenIds": [], "done": False}
    history = {"currentId": "a", "messages": {"q": question, "a": answer}}
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Once upon"}]}]
    async with postgres_database() if database == "postgres" else nullcontext("") as address:
        env = {"DATABASE_URL": address, "WEBUI_SECRET_KEY": "k" * 40, "ENABLE_OLLAMA_API": "false"}
        async with run_server(env, tmp_path, database) as server:
            ada = await server.sign_up("Ada")
            chat_id = (await ada.post("/api/v1/chats/new", {"chat": {"title": "Tale", "history": history}})).ok()["id"]
            # A process killed while an answer grows leaves more text in the row than in the chat document.
            await server.services.get(Database).execute(
                "test.cut_off",
                """UPDATE chat_message SET content = :content, output = :output, done = FALSE,
                       updated_at = updated_at - 10 WHERE id = :id""",
                id=f"{chat_id}-a",
                content=json.dumps("Once upon"),
                output=json.dumps(output),
            )
        async with run_server(env, tmp_path, database) as server:
            same_person = Person(server.url, ada.token, ada.account)
            server.people.append(same_person)
            for _ in range(100):
                message = (await same_person.get(f"/api/v1/chats/{chat_id}")).ok()["chat"]["history"]["messages"]["a"]
                if message["done"]:
                    break
                await asyncio.sleep(0.05)
            assert message["content"] == "Once upon" and message["done"] is True
            assert message["output"] == output
