"""Multipart forms are parsed in the same way, however the network splits them."""

from __future__ import annotations

import pytest

from fastback.kit.http import BadRequest
from fastback.kit.http.multipart import FormReader, Part

FORM = (
    b"before\r\n--x\r\n"
    b'Content-Disposition: form-data; name="a"\r\n\r\none\r\n--no\r\n'
    b'--x  \r\nContent-Disposition: form-data; name="b"\r\n\r\n\r\n'
    b'--x\r\nContent-Disposition: form-data; name="c"\r\n\r\n'  # empty, without an end of line
    b'--x\r\nContent-Disposition: form-data; name="d"; filename="d.txt"\r\nContent-Type: text/plain\r\n\r\n--y-'
    b"\r\n--x--\r\nafter"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_form_is_parsed_in_pieces_of_any_size(size: int) -> None:
    reader = FormReader(b"x")
    parts: list[tuple[str, str | None, bytes]] = []
    for start in range(0, len(FORM), size):
        for event in reader.feed(FORM[start : start + size]):
            if isinstance(event, Part):
                parts.append((event.name, event.filename, b""))
            elif event is not None:
                name, filename, content = parts[-1]
                parts[-1] = name, filename, content + event
    assert reader.is_complete
    assert parts == [("a", None, b"one\r\n--no"), ("b", None, b""), ("c", None, b""), ("d", "d.txt", b"--y-")]


def test_invalid_forms_are_refused() -> None:
    for body in (b"--xy\r\n", b"--x\r\nno header\r\n\r\nx", b"--x\r\n" + b"a: b\r\n" * 4000):
        with pytest.raises(BadRequest):
            list(FormReader(b"x").feed(body))
