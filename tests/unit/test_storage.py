"""File storage in a directory, and in a bucket on a real server with the protocol of S3."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fastback.features.files.storage_config import create_storage
from fastback.kit.storage import NameRefused, Storage, StorageError, receive_file
from fastback.kit.storage.incoming_file import INCOMING_PREFIX, remove_abandoned_files
from fastback.kit.storage.local_storage import LocalStorage
from fastback.settings import Settings, SettingsError
from s3_server import create_client, run_bucket_server

BUCKET = "files-of-tests"


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """Run a server with the protocol of S3 and an empty bucket. Yield its address."""
    with run_bucket_server(BUCKET) as variables:
        yield variables["S3_ENDPOINT_URL"]


def open_bucket(url: str, directory: Path, **more: object) -> Storage:
    values: dict[str, object] = {
        "storage_provider": "s3",
        "s3_bucket_name": BUCKET,
        "s3_endpoint_url": url,
        "s3_access_key_id": "key",
        "s3_secret_access_key": "secret",
        "s3_region_name": "us-east-1",
        "upload_dir": str(directory),
        **more,
    }
    return create_storage(Settings(**values))  # type: ignore[arg-type]


@pytest.fixture(params=["local", "cached", "uncached"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    directory = tmp_path / "uploads"
    if request.param == "local":
        return LocalStorage(directory)
    url = request.getfixturevalue("s3_url")
    return open_bucket(url, directory, s3_key_prefix="some/where/", storage_local_cache=request.param == "cached")


async def split_content(content: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def store_content(storage: Storage, name: str, content: bytes, tags: dict[str, str] | None = None) -> str:
    async with receive_file(storage, split_content(content)) as spool:
        assert spool.size == len(content)
        return await storage.put(name, spool.path, tags or {})


async def read_content(storage: Storage, path: str, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join([piece async for piece in storage.read(path, start, stop)])


@pytest.mark.parametrize("name", ["a.txt", "ä b #1%20~*{x}?&=+.txt", "no ending"])
async def test_files_are_stored_read_and_deleted(storage: Storage, name: str) -> None:
    content = bytes(range(256)) * 5000
    path = await store_content(storage, f"{uuid.uuid4()}_{name}", content)
    stored = await storage.find_file(path)
    assert stored is not None and stored.size == len(content)
    assert await read_content(storage, path) == content
    assert await read_content(storage, path, 1000) == content[1000:]
    assert await read_content(storage, path, 1000, 300_000) == content[1000:300_000]
    assert await read_content(storage, path, 5, 5) == b""
    async with storage.local_copy(path) as copy:
        assert copy.read_bytes() == content and copy.suffix == Path(path).suffix
    await storage.delete(path)
    await storage.delete(path)
    assert await storage.find_file(path) is None
    with pytest.raises(StorageError):
        await read_content(storage, path)
    with pytest.raises(StorageError):
        async with storage.local_copy(path):
            pass
    assert list(storage.directory.iterdir()) == []


async def test_names_that_are_too_long_are_refused_and_leave_nothing(storage: Storage) -> None:
    with pytest.raises(NameRefused):
        await store_content(storage, "ä" * 128, b"content")
    assert list(storage.directory.iterdir()) == []


async def test_all_our_files_are_deleted(storage: Storage, s3_url: str) -> None:
    create_client(s3_url).put_object(Bucket=BUCKET, Key="some/where/else.txt", Body=b"not ours")
    paths = [await store_content(storage, f"{uuid.uuid4()}_{number}", b"x") for number in range(3)]
    await storage.delete_all_files()
    assert [await storage.find_file(path) for path in paths] == [None] * 3
    assert create_client(s3_url).get_object(Bucket=BUCKET, Key="some/where/else.txt")["Body"].read() == b"not ours"


async def test_a_missing_bucket_is_an_error_with_a_message(s3_url: str, tmp_path: Path) -> None:
    storage = open_bucket(s3_url, tmp_path, s3_bucket_name="nothing")
    with pytest.raises(StorageError, match="cannot keep a"):
        await store_content(storage, "a.txt", b"content")
    with pytest.raises(StorageError, match="cannot delete"):
        await storage.delete_all_files()


async def test_files_are_written_where_open_webui_reads_them(s3_url: str, tmp_path: Path) -> None:
    content = bytes(1000) * 12_000  # several parts
    storage = open_bucket(s3_url, tmp_path, s3_key_prefix="pre/fix", s3_enable_tagging=True, storage_local_cache=False)
    name = f"{uuid.uuid4()}_ä #1%20.txt"
    path = await store_content(storage, name, content, {"OpenWebUI-User-Name": "Ada <L.>"})
    assert path == f"s3://{BUCKET}/pre/fix/{name}"
    key = f"pre/fix/{name}"
    assert create_client(s3_url).get_object(Bucket=BUCKET, Key=key)["Body"].read() == content
    tags = create_client(s3_url).get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
    assert tags == [{"Key": "OpenWebUI-User-Name", "Value": "Ada L."}]
    assert list(tmp_path.iterdir()) == []


async def test_files_written_by_open_webui_are_read(s3_url: str, tmp_path: Path) -> None:
    name = f"{uuid.uuid4()}_a+b ä.txt"
    create_client(s3_url).put_object(Bucket=BUCKET, Key=name, Body=b"written elsewhere")
    storage = open_bucket(s3_url, tmp_path)
    assert await read_content(storage, f"s3://{BUCKET}/{name}") == b"written elsewhere"


async def test_a_file_from_before_the_bucket_is_read_and_one_from_another_directory(
    s3_url: str, tmp_path: Path
) -> None:
    (tmp_path / "old.txt").write_bytes(b"old")
    for storage in (LocalStorage(tmp_path), open_bucket(s3_url, tmp_path)):
        assert await read_content(storage, "/app/backend/data/uploads/old.txt") == b"old"
    await open_bucket(s3_url, tmp_path).delete("/app/backend/data/uploads/old.txt")
    assert not (tmp_path / "old.txt").exists()


async def test_an_interrupted_upload_leaves_nothing(storage: Storage) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise ConnectionError

    with pytest.raises(ConnectionError):
        async with receive_file(storage, broken()):
            pass
    assert list(storage.directory.iterdir()) == []


async def test_leftovers_of_a_killed_process_are_removed_after_a_day(tmp_path: Path) -> None:
    leftover = tmp_path / f"{INCOMING_PREFIX}abc"
    leftover.write_bytes(b"half")
    remove_abandoned_files(tmp_path, leftover.stat().st_mtime + 3600)
    assert leftover.exists()
    remove_abandoned_files(tmp_path, leftover.stat().st_mtime + 25 * 3600)
    assert not leftover.exists()


async def test_an_incoming_file_is_hashed(tmp_path: Path) -> None:
    from fastback.kit.storage import IncomingFile

    content = bytes(range(256)) * 10_000
    async with IncomingFile(tmp_path) as spool:
        async for piece in split_content(content):
            await spool.write(piece)
        assert await spool.finish() == hashlib.sha256(content).hexdigest()
        assert spool.path.read_bytes() == content


def test_a_provider_without_required_settings_is_refused(tmp_path: Path) -> None:
    for provider, variable in (
        ("s3", "S3_BUCKET_NAME"),
        ("gcs", "GCS_BUCKET_NAME"),
        ("azure", "AZURE_STORAGE_ENDPOINT"),
    ):
        with pytest.raises(SettingsError, match=variable):
            create_storage(Settings(storage_provider=provider, upload_dir=str(tmp_path)))


async def test_paths_of_the_other_providers(tmp_path: Path) -> None:
    """Check the paths with a memory store of the same library, because no server of these providers runs here."""
    from obstore.store import MemoryStore

    google_storage = create_storage(Settings(storage_provider="gcs", gcs_bucket_name="b", upload_dir=str(tmp_path)))
    endpoint = "https://account.blob.core.windows.net"
    azure_storage = create_storage(
        Settings(
            storage_provider="azure",
            azure_storage_endpoint=endpoint,
            azure_storage_container_name="c",
            azure_storage_key="a2V5",
            storage_local_cache=False,
            upload_dir=str(tmp_path),
        )
    )
    for storage, base in ((google_storage, "gs://b/"), (azure_storage, f"{endpoint}/c/")):
        storage._store = MemoryStore()  # type: ignore[attr-defined]
        path = await store_content(storage, "name.txt", b"content")
        assert path == f"{base}name.txt"
        assert await read_content(storage, path) == b"content"
        await storage.delete(path)
        assert await storage.find_file(path) is None
