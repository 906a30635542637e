"""Stored valves of plugins, encrypted and plain."""

from __future__ import annotations

from typing import Any

import pytest

from fastback.features.plugins.valves import ValveStore


class _Settings:
    def __init__(self, *, encrypting: bool, key: str = "a-secret-key") -> None:
        self.webui_secret_key = key
        self.enable_valve_encryption = encrypting


def _create_store(**more: Any) -> ValveStore:
    return ValveStore(None, _Settings(**more), None)  # type: ignore[arg-type]


def test_values_stay_readable_when_encryption_is_switched_on_or_off() -> None:
    pytest.importorskip("cryptography")
    plain, encrypting = _create_store(encrypting=False), _create_store(encrypting=True)
    values = {"api_key": "hidden", "days": 3}
    column = encrypting.encode_column(values)
    assert "hidden" not in column
    assert plain.decode_column(column) == encrypting.decode_column(column) == values
    assert encrypting.decode_column(plain.encode_column(values)) == values


def test_values_of_another_key_are_empty() -> None:
    pytest.importorskip("cryptography")
    column = _create_store(encrypting=True, key="another").encode_column({"a": 1})
    assert _create_store(encrypting=True).decode_column(column) == {}
    assert (
        _create_store(encrypting=False).decode_column(None)
        == _create_store(encrypting=False).decode_column('"no token"')
        == {}
    )


def test_values_encrypted_by_the_reference_are_read() -> None:
    fernet = pytest.importorskip("cryptography.fernet")
    key = fernet.Fernet.generate_key()
    token = fernet.Fernet(key).encrypt(b'{"days": 3}').decode()
    assert _create_store(encrypting=True, key=key.decode()).decrypt(token) == {"days": 3}
