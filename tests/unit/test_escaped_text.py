"""Where texts are cut as JSON writes them: never inside of an escape, a character, or a pair of surrogates."""

from __future__ import annotations

import json

import pytest

from fastback.kit.escaped_text import find_cut

TEXTS = ("plain", "é and 😀 in UTF-8", 'a "quoted" \\ text', "a\nb\tc", "\\" * 9, "ab😀cd", "\\u12", "u😀")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("in_ascii", [True, False])
def test_both_sides_of_every_cut_are_texts(text: str, in_ascii: bool) -> None:
    escaped = json.dumps(text, ensure_ascii=in_ascii)[1:-1].encode()
    for stop in range(len(escaped) + 1):
        cut = find_cut(escaped, stop)
        assert 0 <= cut <= stop
        before, after = (json.loads(b'"%b"' % part) for part in (escaped[:cut], escaped[cut:]))
        assert before + after == text


def test_half_a_pair_at_the_beginning_is_cut_before_the_next_escape() -> None:
    assert find_cut(rb"u\ud83d\ude00", 6) == 1
