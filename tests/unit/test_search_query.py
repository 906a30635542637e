"""What a search asks for, which runs of three characters it needs, which piece of a text it shows."""

from __future__ import annotations

from fastback.features.chats.search.passages import around
from fastback.features.chats.search.query import Needle, grams, longest, read
from fastback.features.chats.search.searchable_text import fold


def test_a_search_is_taken_apart() -> None:
    query = read("  Rye tag:Late_Night BREAD tag:tag:x pinned:true pinned:false archived:maybe folder:Side__Dish  ")
    assert query.text == "rye bread"
    assert query.phrase == Needle("rye bread") and query.terms == [Needle("rye"), Needle("bread")]
    assert query.tags == ["late_night", "x"]
    assert (query.pinned, query.archived, query.shared) == (True, None, None)
    assert query.folders == ["side dish"]


def test_a_word_alone_has_no_terms_and_signs_are_none() -> None:
    assert read("rye").terms == [] and read("天气").terms == []
    assert read("c++").terms == [Needle("c")]
    assert read("100%").phrase == Needle("100%", wild=True)
    assert read(" ").phrase is None and read("a\x00b\ud800").text == "ab"


def test_patterns_say_what_the_databases_read() -> None:
    assert Needle("a_b\\", wild=True).pattern("sqlite") == "%a_b\\%"
    assert Needle("a_b\\", wild=True).pattern("postgres") == "%a_b\\\\%"
    assert Needle("a_b%").pattern("postgres") == "%a\\_b\\%%"


def test_runs_of_three_characters_do_not_reach_over_wild_ones() -> None:
    assert grams(Needle("bread")) == ["bre", "rea", "ead"]
    assert grams(Needle("ab%cde_fg", wild=True)) == ["cde"]
    assert grams(Needle("ab")) == [] and longest(Needle("ab%cd_efg", wild=True)) == "efg"


def test_pictures_are_left_out_of_the_text() -> None:
    assert fold("A ![B](data:image/png;base64,AAAA+/==) C") == "a ![b](data:image/png;base64,) c"
    assert fold(b"\xff\xc3\x84") == "\ufffdä" and fold(None) is None


def test_a_piece_lies_around_the_first_needle_that_is_there() -> None:
    assert around("short text", ["nothing", "text"]) == "short text"
    piece = around("x" * 300 + " needle " + "y" * 300, ["needle"])
    assert piece is not None and piece.startswith("...x") and " needle " in piece and piece.endswith("y...")
    assert around("nothing", ["needle"]) is None
