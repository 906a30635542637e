"""Plugins open the server's database with SQLAlchemy."""

from __future__ import annotations

from conftest import Person
from plugin_probe import run_in_plugin
from queued_model import QueuedModel


async def test_a_plugin_reads_and_writes_with_sessions_that_await(ada: Person, model: QueuedModel) -> None:
    document = {"title": "Here", "history": {"messages": {}, "currentId": None}}
    chat = (await ada.post("/api/v1/chats/new", {"chat": document})).ok()
    imports = """
        from sqlalchemy import select, text, update
        from open_webui.internal.db import get_async_db, get_async_db_context
        from open_webui.models.chats import Chat
        from open_webui.models.models import Model
        from open_webui.models.users import User
        """
    code = f"""
        async with get_async_db_context() as db:
            row = (await db.execute(select(Chat).filter_by(id="{chat["id"]}"))).scalars().first()
            await db.execute(update(Chat).where(Chat.id == row.id).values(meta={{**row.meta, "seen": True}}))
            db.add(Model(id="m", user_id=user["id"], name="M", params={{"a": 1}}, meta={{}}, is_active=True,
                         created_at=1, updated_at=1))
            await db.commit()

        async def count():
            async with get_async_db() as session:
                return (await session.execute(text('SELECT count(*) FROM "user"'))).scalar()

        names = await asyncio.to_thread(lambda: asyncio.run(count()))
        async with get_async_db_context() as db:
            person = (await db.execute(select(User).where(User.email == user["email"]))).scalars().one()
            changed = await db.get(Chat, "{chat["id"]}")
            params = (await db.get(Model, "m")).params
        return [row.title, row.chat["title"], row.archived, names, person.name, changed.meta, params]
        """
    result = await run_in_plugin(ada, model, code, imports=imports)
    assert result == ["Here", "Here", False, 1, "Ada", {"seen": True}, {"a": 1}]
    assert (await ada.get(f"/api/v1/chats/{chat['id']}")).ok()["meta"] == {"seen": True}


async def test_a_plugin_reads_without_await(ada: Person, model: QueuedModel, database: str) -> None:
    imports = """
        from open_webui.internal.db import Base, JSONField, ScopedSession, SessionLocal, get_db
        from open_webui.models.users import User
        """
    code = """
        try:
            with get_db() as db:
                return [entry.name for entry in db.query(User).all()]
        except ImportError as error:
            return str(error)
        """
    result = await run_in_plugin(ada, model, code, imports=imports)
    if database == "postgres":
        assert result == ["Ada"] or "psycopg" in result
    else:
        assert result == ["Ada"]
