"""`fastback backup` and `fastback restore`: an installation in use goes into a file, and out of it elsewhere."""

from __future__ import annotations

import asyncio
import os
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from command_runs import CommandRun, kill_command, read_digests, run_command
from conftest import Person, Server, run_server
from fastback.settings import Settings
from prepared_database import POSTGRES, postgres_database
from small_disk import mount_disk

KEY = "tests-secret-key-of-at-least-32-chars"
_FILES = "/api/v1/files/"


@asynccontextmanager
async def _postgres_or_file(database: str) -> AsyncIterator[dict[str, str]]:
    """Yield the variables that name a database for a restore."""
    if database == "postgres":
        async with postgres_database(empty=True) as address:
            yield {"DATABASE_URL": address}
    else:
        yield {}


async def _fill(ada: Person) -> list[str]:
    """Write chats and upload files; return the ids of the files."""
    for number in range(20):
        body = {"chat": {"title": f"Chat {number}", "text": "☕" * 20_000}}
        (await ada.post("/api/v1/chats/new", body)).ok()
    ids = []
    for number in range(3):
        form: dict[str, Any] = {"file": b"content of %d" % number}
        ids.append((await ada.post(_FILES, data=form, process=False)).ok()["id"])
    return ids


def _make_environment(server: Server, **more: str) -> dict[str, str]:
    settings: Settings = server.services.get(Settings)
    return {"DATABASE_URL": settings.database_url, "WEBUI_SECRET_KEY": "", **more}


async def _back_up(server: Server, archive: Path, *options: str, **env: str) -> CommandRun:
    data_dir = ("--data-dir", str(server.data_dir))
    return await run_command(
        archive.parent, "backup", str(archive), *data_dir, *options, **_make_environment(server, **env)
    )


async def _restore(archive: Path, data_dir: Path, *options: str, **env: str) -> CommandRun:
    return await run_command(archive.parent, "restore", str(archive), "--data-dir", str(data_dir), *options, **env)


@pytest.mark.parametrize("target", ["sqlite", "postgres"])
async def test_an_installation_in_use_is_restored_elsewhere(
    server: Server, ada: Person, target: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if target == "postgres" and not POSTGRES:
        pytest.skip("FASTBACK_TEST_POSTGRES names no server")
    folder = tmp_path_factory.mktemp("archive")
    (server.data_dir / ".webui_secret_key").write_text(KEY)
    file_ids = await _fill(ada)
    archive = folder / "backup.tar.gz"
    is_writing = True
    written = 0

    async def write() -> None:
        nonlocal written
        while is_writing:
            title = {"title": f"Late {written}", "text": "x" * 50_000}
            (await ada.post("/api/v1/chats/new", {"chat": title})).ok()
            (await ada.post(_FILES, data={"file": b"late"}, process=False)).ok()
            if written == 2:
                (await ada.delete(f"{_FILES}{file_ids[2]}")).ok()
            written += 1

    writing = asyncio.create_task(write())
    run = await _back_up(server, archive, "--json")
    is_writing = False
    await writing
    assert run.errors == ""
    tables = run.json["tables"]
    assert 20 <= tables["chat"]["rows"] <= 20 + written
    assert archive.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in folder.iterdir()) == ["backup.tar.gz"]
    assert not list(server.data_dir.glob(".fastback-backup-*"))

    data_dir = folder / "elsewhere"
    async with _postgres_or_file(target) as database:
        restored = await _restore(archive, data_dir, "--json", **database)
        assert restored.json["dialect"] == target
        assert restored.json["removed"] == {}
        url = database.get("DATABASE_URL", f"sqlite:///{data_dir / 'webui.db'}")
        digests = await read_digests(url)
        assert {name: list(digest) for name, digest in digests.items()} == {
            name: [table["rows"], table["digest"]] for name, table in tables.items()
        }
        assert (data_dir / ".webui_secret_key").read_text() == KEY
        assert (data_dir / ".webui_secret_key").stat().st_mode & 0o077 == 0
        assert not [path.name for path in data_dir.rglob("*") if path.suffix in (".restoring", ".replaced")]
        async with run_server({"WEBUI_SECRET_KEY": KEY, **database}, data_dir, target) as other:
            again = Person(other.url, ada.token)
            other.people.append(again)
            chats = await again.get("/api/v1/chats/all")
            assert (chats.status, len(chats.text.splitlines())) == (200, tables["chat"]["rows"])
            for file_id in file_ids:
                reply = await again.get(f"{_FILES}{file_id}/content")
                if reply.status == 404:  # the file was deleted before the backup began
                    assert file_id == file_ids[2]
                else:
                    assert reply.body.startswith(b"content of ")


async def test_an_encrypted_archive_opens_only_with_its_passphrase(
    server: Server, ada: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    await _fill(ada)
    (folder / "right").write_text("correct horse\n")
    (folder / "wrong").write_text("correct cow\n")
    archive = folder / "backup.enc"
    run = await _back_up(
        server, archive, "--passphrase-file", "right", "--json", WEBUI_SECRET_KEY=KEY, LDAP_APP_PASSWORD="hunter"
    )
    assert run.json["is_encrypted"]
    content = archive.read_bytes()
    assert b"hunter" not in content and b"Chat 1" not in content
    data_dir = folder / "elsewhere"
    (await _restore(archive, data_dir)).refused("--passphrase-file")
    (await _restore(archive, data_dir, "--passphrase-file", "none")).refused("none")
    (await _restore(archive, data_dir, "--passphrase-file", "wrong")).refused("passphrase is wrong")
    assert not data_dir.exists() or not list(data_dir.iterdir())
    run = await _restore(archive, data_dir, "--passphrase-file", "right")
    assert run.code == 0, run.errors
    assert "restored database" in run.output
    assert (data_dir / ".webui_secret_key").read_text() == KEY
    assert "LDAP_APP_PASSWORD='hunter'" in (data_dir / "restored-settings.env").read_text()


def _flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("is_encrypted", [False, True])
async def test_damage_is_noticed_and_changes_nothing(
    server: Server, ada: Person, is_encrypted: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if server.database != "sqlite":
        pytest.skip("the archive is the same")
    folder = tmp_path_factory.mktemp("archive")
    await _fill(ada)
    for number in range(4):
        (server.data_dir / "uploads" / f"random-{number}").write_bytes(os.urandom(700_000))
    (folder / "passphrase").write_text("correct horse")
    option = ("--passphrase-file", "passphrase")
    archive = folder / "backup"
    run = await _back_up(server, archive, *(option if is_encrypted else ()), "--quiet", WEBUI_SECRET_KEY=KEY)
    assert (run.code, run.output) == (0, "")
    content = archive.read_bytes()
    size = len(content)
    assert size > 2_500_000
    data_dir = folder / "elsewhere"
    (data_dir / "uploads").mkdir(parents=True)
    (data_dir / "uploads" / "precious").write_text("mine")
    damages = [content[:cut] for cut in (0, 5, 60, size // 2, size - 1, size - 20)]
    if is_encrypted:
        damages += [content[: 47 + (1 << 20) + 16], content + b"more"]  # whole chunks are missing, or come after it
    damages += [_flip(content, place) for place in (1, size // 3, size - 3)]
    broken = folder / "broken"
    for damaged in damages:
        broken.write_bytes(damaged)
        run = await _restore(broken, data_dir, "--overwrite", *option)
        run.refused("broken" if not damaged[:8].startswith(b"FBBACK01") else "")
        left = sorted(path.relative_to(data_dir).as_posix() for path in data_dir.rglob("*"))
        assert left == ["uploads", "uploads/precious"]
    (await _restore(folder / "missing", data_dir, "--overwrite")).refused("missing")


async def test_an_existing_installation_is_replaced_only_on_request(
    server: Server, ada: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    await _fill(ada)
    archive = folder / "backup.tar.gz"
    assert (await _back_up(server, archive)).code == 0
    (await _back_up(server, archive)).refused("exists already")
    data_dir = folder / "elsewhere"
    async with _postgres_or_file(server.database) as database:
        assert (await _restore(archive, data_dir, "--quiet", **database)).code == 0
        url = database.get("DATABASE_URL", f"sqlite:///{data_dir / 'webui.db'}")
        digests = await read_digests(url)
        (await _restore(archive, data_dir, **database)).refused("--overwrite")
        env = {"WEBUI_SECRET_KEY": KEY, **database}
        async with run_server(env, data_dir, server.database) as other:
            again = Person(other.url, ada.token)
            other.people.append(again)
            (await again.post("/api/v1/chats/new", {"chat": {"title": "After the backup"}})).ok()
            (await again.post(_FILES, data={"file": b"later"}, process=False)).ok()
            (await _restore(archive, data_dir, "--overwrite", **database)).refused("in use", "stop the server")
        assert await read_digests(url) != digests
        uploads = len(list((data_dir / "uploads").iterdir()))
        run = await _restore(archive, data_dir, "--overwrite", **database)
        assert run.code == 0, run.errors
        assert await read_digests(url) == digests
        assert len(list((data_dir / "uploads").iterdir())) == uploads - 1
        async with run_server(env, data_dir, server.database) as other:
            again = Person(other.url, ada.token)
            other.people.append(again)
            matches = (await again.get("/api/v1/chats/search", text="Chat 19")).ok()
            assert [chat["title"] for chat in matches] == ["Chat 19"]


async def test_a_killed_restore_changes_nothing(
    server: Server, ada: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    await _fill(ada)
    archive, later = folder / "backup.tar.gz", folder / "later.tar.gz"
    assert (await _back_up(server, archive)).code == 0
    (await ada.post("/api/v1/chats/new", {"chat": {"title": "Later"}})).ok()
    for number in range(6):
        (server.data_dir / "uploads" / f"random-{number}").write_bytes(os.urandom(2_000_000))
    assert (await _back_up(server, later)).code == 0
    data_dir = folder / "elsewhere"
    async with _postgres_or_file(server.database) as database:
        assert (await _restore(archive, data_dir, **database)).code == 0
        url = database.get("DATABASE_URL", f"sqlite:///{data_dir / 'webui.db'}")
        digests = await read_digests(url)
        files = sorted(path.name for path in data_dir.rglob("*"))

        async def has_some_uploads() -> bool:
            prepared = data_dir / "uploads.restoring"
            return prepared.exists() and any(prepared.iterdir())

        command = ("restore", str(later), "--data-dir", str(data_dir), "--overwrite")
        await kill_command(folder, has_some_uploads, *command, **database)
        assert await read_digests(url) == digests
        assert len(list((data_dir / "uploads").iterdir())) == 3
        assert (await _restore(later, data_dir, "--overwrite", **database)).code == 0
        assert (await read_digests(url))["chat"][0] == digests["chat"][0] + 1
        expected = sorted([*files, *(f"random-{number}" for number in range(6))])
        assert sorted(path.name for path in data_dir.rglob("*")) == expected


async def test_what_is_elsewhere_is_named(
    server: Server, ada: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    archive = folder / "backup.tar.gz"
    run = await _back_up(
        server,
        archive,
        WEBUI_SECRET_KEY=KEY,
        STORAGE_PROVIDER="s3",
        S3_BUCKET_NAME="files",
        S3_SECRET_ACCESS_KEY="very secret",
        VECTOR_DB="qdrant",
        QDRANT_URI="http://localhost:1",
    )
    assert run.code == 0, run.errors
    for part in ("s3 storage and not included", "qdrant and not included", "WEBUI_SECRET_KEY is set by a variable"):
        assert part in run.errors
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        header = msgspec.json.decode(tar.extractfile("backup.json").read())  # type: ignore[union-attr]
        variables = tar.extractfile("settings.env").read().decode()  # type: ignore[union-attr]
    assert not [name for name in names if name.startswith("uploads/")]
    assert header["parts"] == ["database", "settings"] or header["parts"] == ["database", "settings", "vectors"]
    assert "S3_BUCKET_NAME='files'" in variables
    assert "very secret" not in variables and KEY not in variables
    assert "# S3_SECRET_ACCESS_KEY=" in variables


async def test_vectors_are_part_of_the_archive(
    server: Server, ada: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    vectors = server.data_dir / "vector_db"
    vectors.mkdir(exist_ok=True)
    for name in ("fastback_vectors.db", "fastback_embeddings.db"):
        (vectors / name).unlink(missing_ok=True)
        connection = apsw.Connection(str(vectors / name))
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        connection.execute("CREATE TABLE chunk (text); INSERT INTO chunk VALUES ('a')")
    (vectors / "0b1c").mkdir()
    (vectors / "0b1c" / "data_level0.bin").write_bytes(b"chroma")
    archive = folder / "backup.tar.gz"
    assert (await _back_up(server, archive)).code == 0
    run = await _restore(archive, folder / "elsewhere")
    assert run.code == 0, run.errors
    restored = folder / "elsewhere" / "vector_db"
    names = sorted(path.relative_to(restored).as_posix() for path in restored.rglob("*") if path.is_file())
    assert names == ["0b1c/data_level0.bin", "fastback_vectors.db"]
    connection = apsw.Connection(str(restored / "fastback_vectors.db"))
    assert connection.execute("SELECT text FROM chunk").fetchall() == [("a",)]
    connection.close()


async def test_a_full_disk_leaves_nothing(
    server: Server, ada: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    await _fill(ada)
    for number in range(3):
        (server.data_dir / "uploads" / f"random-{number}").write_bytes(os.urandom(3_000_000))
    with mount_disk(6) as disk:
        (await _back_up(server, disk.path / "backup.tar.gz")).refused("No space left")
        assert list(disk.path.iterdir()) == []
        archive = folder / "backup.tar.gz"
        assert (await _back_up(server, archive)).code == 0
        data_dir = disk.path / "data"
        (await _restore(archive, data_dir)).refused("No space left")
        assert [path for path in data_dir.rglob("*") if path.is_file()] == []
