"""Search queries: parsing, the trigrams they need, and the snippet they show."""

from __future__ import annotations

from fastback.features.chats.search.passages import cut_snippet
from fastback.features.chats.search.query import Needle, find_longest_piece, list_trigrams, parse_query
from fastback.features.chats.search.searchable_text import fold_text


def test_a_search_is_parsed_into_words_and_filters() -> None:
    query = parse_query(
        "  Rye tag:Late_Night BREAD tag:tag:x pinned:true pinned:false archived:maybe folder:Side__Dish  "
    )
    assert query.text == "rye bread"
    assert query.phrase == Needle("rye bread") and query.terms == [Needle("rye"), Needle("bread")]
    assert query.tags == ["late_night", "x"]
    assert (query.pinned, query.archived, query.shared) == (True, None, None)
    assert query.folders == ["side dish"]


def test_a_single_word_has_no_terms_and_signs_are_ignored() -> None:
    assert parse_query("rye").terms == [] and parse_query("天气").terms == []
    assert parse_query("c++").terms == [Needle("c")]
    assert parse_query("100%").phrase == Needle("100%", wild=True)
    assert parse_query(" ").phrase is None and parse_query("a\x00b\ud800").text == "ab"


def test_patterns_are_escaped_for_each_database() -> None:
    assert Needle("a_b\\", wild=True).build_pattern("sqlite") == "%a_b\\%"
    assert Needle("a_b\\", wild=True).build_pattern("postgres") == "%a_b\\\\%"
    assert Needle("a_b%").build_pattern("postgres") == "%a\\_b\\%%"


def test_trigrams_do_not_span_wildcards() -> None:
    assert list_trigrams(Needle("bread")) == ["bre", "rea", "ead"]
    assert list_trigrams(Needle("ab%cde_fg", wild=True)) == ["cde"]
    assert list_trigrams(Needle("ab")) == [] and find_longest_piece(Needle("ab%cd_efg", wild=True)) == "efg"


def test_pictures_are_left_out_of_the_text() -> None:
    assert fold_text("A ![B](data:image/png;base64,AAAA+/==) C") == "a ![b](data:image/png;base64,) c"
    assert fold_text(b"\xff\xc3\x84") == "\ufffdä" and fold_text(None) is None


def test_a_snippet_surrounds_the_first_matching_needle() -> None:
    assert cut_snippet("short text", ["nothing", "text"]) == "short text"
    snippet = cut_snippet("x" * 300 + " needle " + "y" * 300, ["needle"])
    assert snippet is not None and snippet.startswith("...x") and " needle " in snippet and snippet.endswith("y...")
    assert cut_snippet("nothing", ["needle"]) is None
