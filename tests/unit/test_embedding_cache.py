"""The cache of embeddings: keys, size limit, and an invalid file."""

from __future__ import annotations

from pathlib import Path

from fastback.retrieval.embedding.cache import FILE, EmbeddingCache, build_key


def test_keys_differ_by_engine_prefix_and_text() -> None:
    keys = {build_key("a", None, "t"), build_key("b", None, "t"), build_key("a", "p", "t"), build_key("a", None, "pt")}
    assert len(keys) == 4
    assert build_key("a", None, "t") == build_key("a", "", "t")
    build_key("a", None, "half \ud800 a pair")


async def test_keeps_the_latest_vectors_up_to_a_size(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, 1 << 20)
    keys = [build_key("engine", None, str(n)) for n in range(2000)]
    for start in range(0, len(keys), 100):
        await cache.put_vectors({key: bytes([start // 100]) * 1536 for key in keys[start : start + 100]})
    assert (tmp_path / FILE).stat().st_size < 1.5 * (1 << 20)
    vectors = await cache.get_vectors(keys)
    assert 300 < len(vectors) < 700
    assert set(vectors) == set(keys[-len(vectors) :])
    assert vectors[keys[-1]] == bytes([19]) * 1536
    await cache.close()
    reopened = EmbeddingCache(tmp_path, 1 << 20)
    assert len(await reopened.get_vectors(keys)) == len(vectors)
    await reopened.close()


async def test_continues_with_an_invalid_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    cache = EmbeddingCache(tmp_path, 1 << 20)
    await cache.put_vectors({b"k": b"v"})
    assert await cache.get_vectors([b"k"]) == {}
    await cache.close()


async def test_a_cache_of_size_zero_stores_nothing(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, 0)
    await cache.put_vectors({b"k": b"v"})
    assert await cache.get_vectors([b"k"]) == {}
    assert not (tmp_path / FILE).exists()
    await cache.close()
