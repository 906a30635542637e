"""Values of plugins at rest."""

from __future__ import annotations

from typing import Any

import pytest

from fastback.features.plugins.valves import ValveStore


class _Settings:
    def __init__(self, *, sealing: bool, key: str = "a-secret-key") -> None:
        self.webui_secret_key = key
        self.enable_valve_encryption = sealing


def _valves(**more: Any) -> ValveStore:
    return ValveStore(None, _Settings(**more), None)  # type: ignore[arg-type]


def test_values_stay_readable_when_sealing_is_switched_on_or_off() -> None:
    pytest.importorskip("cryptography")
    plain, sealing = _valves(sealing=False), _valves(sealing=True)
    values = {"api_key": "hidden", "days": 3}
    column = sealing.encode_column(values)
    assert "hidden" not in column
    assert plain.decode_column(column) == sealing.decode_column(column) == values
    assert sealing.decode_column(plain.encode_column(values)) == values


def test_values_of_another_key_are_none() -> None:
    pytest.importorskip("cryptography")
    column = _valves(sealing=True, key="another").encode_column({"a": 1})
    assert _valves(sealing=True).decode_column(column) == {}
    assert _valves(sealing=False).decode_column(None) == _valves(sealing=False).decode_column('"no token"') == {}


def test_what_the_reference_sealed_is_read() -> None:
    fernet = pytest.importorskip("cryptography.fernet")
    key = fernet.Fernet.generate_key()
    token = fernet.Fernet(key).encrypt(b'{"days": 3}').decode()
    assert _valves(sealing=True, key=key.decode()).decrypt(token) == {"days": 3}
