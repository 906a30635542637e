"""SIGTERM and Ctrl-C: answers finish or are stored as they are, notes are saved, and the process ends in time."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from fastback.features.chats.messages.left_over_answers import INTERRUPTED
from faults.recorded_clients import open_recorder, read_answer, record_socket_answer, run_writer, wait_for_end
from faults.server_process import ServerProcess, prepare_server
from note_editor import create_note, open_editor
from waiting import wait_until

#: Seconds in which `docker stop` has a process end.
DOCKER_SECONDS = 10


def require_folded_log(server: ServerProcess) -> None:
    """Require that SQLite's write-ahead log is part of the database again."""
    if server.is_sqlite:
        assert not (server.data_dir / "webui.db-wal").exists()


@pytest.mark.faults
async def test_answers_finish_within_the_grace_period(database: str, tmp_path: Path, env: dict[str, str]) -> None:
    async with prepare_server(database, tmp_path, env) as server:
        await server.start()
        ada = await server.sign_up()
        async with open_recorder(ada) as page:
            record = await page.ask("Count [[tokens 40]]")
            await wait_until(lambda: record.pieces)
            stopping = asyncio.create_task(server.stop())
            await asyncio.sleep(0.2)
            refused = await ada.post("/api/chat/completions", {"model": "demo-small", "messages": []})
            assert refused.status == 503 and int(refused.headers["retry-after"]) > 0
            assert (await ada.get("/ready")).status == 503
            code, seconds = await stopping
        assert code == 0 and seconds < DOCKER_SECONDS
        assert record.has_ended and record.error is None
        require_folded_log(server)
        await server.start()
        message = await read_answer(ada, record)
        assert message["done"] is True and message.get("error") is None
        assert message["content"] == record.text.strip() == " ".join(f"word{number}" for number in range(40))


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.faults)], indirect=True)
async def test_nothing_is_lost_where_the_grace_period_is_too_short(
    database: str, tmp_path: Path, env: dict[str, str]
) -> None:
    """Answers keep what has come of them, the text of an open note is saved, and each acknowledged write is there."""
    async with prepare_server(database, tmp_path, env) as server:
        await server.start(FASTBACK_SHUTDOWN_GRACE_SECONDS="1")
        ada = await server.sign_up()
        note = await create_note(ada)
        async with (
            open_recorder(ada) as page,
            open_editor(ada, note) as editor,
            run_writer(ada) as writer,
            record_socket_answer(ada, "Count [[tokens 2000]]") as socket_record,
        ):
            await editor.join()
            records = [await page.ask(f"Count {number} [[tokens 2000]]") for number in range(3)]
            await asyncio.sleep(0.5)
            await editor.write("Acknowledged.")
            code, seconds = await server.stop()
        assert code == 0 and seconds < 1 + 4.5
        require_folded_log(server)
        await server.start()
        assert all(record.error == INTERRUPTED for record in records)
        for record in (*records, socket_record):
            message = await read_answer(ada, record)
            assert message["done"] is True and message["error"] == INTERRUPTED
            assert message["content"].startswith(record.text.strip()) and record.text.startswith("word0 ")
        assert (await ada.get(f"/api/v1/notes/{note}")).ok()["data"]["content"]["md"] == "Acknowledged."
        assert writer.acknowledged and await writer.count_lost() == 0


@pytest.mark.faults
@pytest.mark.parametrize("signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT)])
async def test_a_second_signal_ends_the_grace_period(
    tmp_path: Path, env: dict[str, str], signals: tuple[signal.Signals, ...]
) -> None:
    async with prepare_server("sqlite", tmp_path, env) as server:
        await server.start(FASTBACK_SHUTDOWN_GRACE_SECONDS="30")
        ada = await server.sign_up()
        async with open_recorder(ada) as page:
            record = await page.ask("Count [[tokens 2000]]")
            await wait_until(lambda: record.pieces)
            code, seconds = await server.stop(*signals)
        assert code == 0 and seconds < 5
        require_folded_log(server)
        await server.start()
        message = await wait_for_end(ada, record)
        assert message["error"] == INTERRUPTED and message["content"].startswith(record.text.strip())


@pytest.mark.faults
async def test_a_relayed_answer_finishes_within_the_grace_period(tmp_path: Path, env: dict[str, str]) -> None:
    """API clients have the grace period, too: their bytes are relayed to the end."""
    async with prepare_server("sqlite", tmp_path, env) as server:
        await server.start()
        ada = await server.sign_up()
        body = {
            "model": "demo-small",
            "stream": True,
            "messages": [{"role": "user", "content": "Count [[tokens 30]]"}],
        }
        asking = asyncio.create_task(ada.post("/api/chat/completions", body))
        await asyncio.sleep(0.5)
        code, seconds = await server.stop()
        reply = await asking
        assert (code, reply.status) == (0, 200) and seconds < DOCKER_SECONDS
        assert "word29 " in reply.text and reply.text.endswith("data: [DONE]\n\n")


@pytest.mark.faults
async def test_a_server_that_waits_for_its_database_is_stopped(tmp_path: Path) -> None:
    """It accepts connections and says nothing, as behind a firewall."""
    is_connected = asyncio.Event()

    async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_connected.set()
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(stay_silent, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    (tmp_path / "data").mkdir()
    server = ServerProcess(tmp_path / "data", {"DATABASE_URL": f"postgresql://postgres@127.0.0.1:{port}/none"})
    starting = asyncio.create_task(server.start())
    await asyncio.wait_for(is_connected.wait(), 20)
    code, seconds = await server.stop()
    assert code == 0 and seconds < 3 and "stopped during the start" in server.log
    with pytest.raises(AssertionError, match="ended by itself"):
        await starting
    silent.close()
