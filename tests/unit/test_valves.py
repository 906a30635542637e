"""Values of plugins at rest."""

from __future__ import annotations

from typing import Any

import pytest

from fastback.features.plugins.valves import Valves


class _Settings:
    def __init__(self, *, sealing: bool, key: str = "a-secret-key") -> None:
        self.webui_secret_key = key
        self.enable_valve_encryption = sealing


def _valves(**more: Any) -> Valves:
    return Valves(None, _Settings(**more), None)  # type: ignore[arg-type]


def test_values_stay_readable_when_sealing_is_switched_on_or_off() -> None:
    pytest.importorskip("cryptography")
    plain, sealing = _valves(sealing=False), _valves(sealing=True)
    values = {"api_key": "hidden", "days": 3}
    column = sealing.written(values)
    assert "hidden" not in column
    assert plain.read(column) == sealing.read(column) == values
    assert sealing.read(plain.written(values)) == values


def test_values_of_another_key_are_none() -> None:
    pytest.importorskip("cryptography")
    column = _valves(sealing=True, key="another").written({"a": 1})
    assert _valves(sealing=True).read(column) == {}
    assert _valves(sealing=False).read(None) == _valves(sealing=False).read('"no token"') == {}


def test_what_the_reference_sealed_is_read() -> None:
    fernet = pytest.importorskip("cryptography.fernet")
    key = fernet.Fernet.generate_key()
    token = fernet.Fernet(key).encrypt(b'{"days": 3}').decode()
    assert _valves(sealing=True, key=key.decode()).opened(token) == {"days": 3}
