"""What is grammar, what only looks like it, and that nothing is an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import SHARED_DATA

from heimdex.domain.query import Channel, Mode
from heimdex.ranking.intent import route
from heimdex.search.grammar import MAX_WITHIN_S, Clause, Parsed, parse

TABLE = [
    "red car driving", "person in crowd", "he says goodbye", "tteokbokki scene", "what is the theme?",
    "red car driving fast", "the line where he says we're in this together",
]  # fmt: skip
PLAIN = [
    "", " ", "then", "without", "within 20s", "see:", "says: goodbye", "he says: goodbye", 'says:""', "see:!", '"',
    '"red', "a then", "then b", "dog runs then cat sleeps", "and then there were none", "we'll see each other then",
    "I can't live without you", "with or without you", "he leaves without saying goodbye", "life without parole",
    "너 없는 세상", "사람 없는", "within without then", "12:30 then 13:00", "http://see:80", "sees:x",
    "12s within then", "a then b then c then d then e within 3s", "without people", '"beach without people"',
]  # fmt: skip


@pytest.mark.parametrize("query", TABLE + PLAIN)
def test_plain_words_stay_as_they_are(query: str) -> None:
    assert parse(query) == Parsed((Clause(query, query, query),))


@pytest.mark.parametrize("query", TABLE)
def test_the_router_decides_about_plain_words_as_ever(query: str) -> None:
    assert parse(query).sides[0].intent("rules") == route(query)
    assert parse(query).sides[0].intent("learned") == route(query, "learned")


PIECES = [
    "then", "without", "within", "20s", "see:", "says:", "see:x", '"', '"a b"', "people", "car", "없는", "빼고",
    "다음에", "사람", ",", "or", "\x00", 'says:"x"', "“", "”", " ", "followed by", "후에", "그리고 나서", "자동차와",
    "없이", "0초 안에", "within 1e9s", "대사:", "화면:고양이", "then then", "\u3164", "*", "NEAR", "&!|", "'", "\\",
]  # fmt: skip


@settings(max_examples=400)
@given(st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join))
def test_no_query_is_an_error(query: str) -> None:
    parsed = parse(query)

    assert len(parsed.within_s) == len(parsed.sides) - 1
    for side in parsed.sides:
        assert side.intent("learned").mode in Mode
        assert side.words is not None
        assert len(parsed.sides) == 1 or side.seen or side.said
    assert all(0 <= seconds <= MAX_WITHIN_S for seconds in parsed.within_s)


def test_sentences_that_people_wrote_hold_no_grammar() -> None:
    path = SHARED_DATA / "queries" / "tvr_val_dev.jsonl"
    if not path.is_file():
        pytest.skip(f"the shared test data is not there: {path}")
    queries = [json.loads(line)["desc"] for line in Path(path).read_text().splitlines()]

    assert len(queries) > 1000
    assert [query for query in queries if parse(query) != Parsed((Clause(query, query, query),))] == []


@pytest.mark.parametrize(
    ("query", "seen", "said"),
    [
        ("see:red car", "red car", ""),
        ("says:goodbye my friend", "", "goodbye my friend"),
        ('says:"cheers"', "", '"cheers"'),
        ('see:"red car"', "red car", ""),
        ("see:beach says:hello there", "beach", "hello there"),
        ('says:"hello" red car', "red car", '"hello"'),
        ("red car says:hello", "red car", "hello"),
        ("화면:바다", "바다", ""),
        ("대사:안녕", "", "안녕"),
        ("SEE:Beach", "Beach", ""),
    ],
)
def test_a_prefix_asks_for_one_side(query: str, seen: str, said: str) -> None:
    (clause,) = parse(query).sides

    assert (clause.seen, clause.said) == (seen, said)
    assert clause.intent("learned").mode is (Mode.RECALL if seen else Mode.SKIP)
    left_out = set(clause.restricted)
    assert (Channel.VISUAL in left_out) == (not seen)
    assert (Channel.LEXICAL in left_out) == (not said)


def test_a_quotation_behind_a_prefix_must_be_said() -> None:
    assert parse('says:"we are in"').sides[0].words.required == (("we", "are", "in"),)
    assert parse("says:we are in").sides[0].words.required == ()


@pytest.mark.parametrize(
    ("query", "head", "seen", "said"),
    [
        ("beach without people", "beach", ("people",), ("people",)),
        ("beach without people, cars or dogs", "beach", ("people", "cars", "dogs"), ("people", "cars", "dogs")),
        ("a street without red cars", "a street", ("red cars",), ("red cars",)),
        ("beach without see:people", "beach", ("people",), ()),
        ('beach without says:"hello"', "beach", (), ("hello",)),
        ('beach without "hello there"', "beach", (), ("hello there",)),
        ("사람 없는 해변", "해변", ("사람",), ("사람",)),
        ("밤에 사람이 없는 거리", "밤에 거리", ("사람",), ("사람",)),
        ("해변 사람 빼고", "해변", ("사람",), ("사람",)),
        ("자동차 없이 거리", "거리", ("자동차",), ("자동차",)),
        ("자동차와 사람 없는 거리", "거리", ("자동차", "사람"), ("자동차", "사람")),
        ("밤에 버스나 자동차 없는 거리", "밤에 거리", ("버스", "자동차"), ("버스", "자동차")),
        ("노란 바나나 사람 없는 거리", "노란 바나나 거리", ("사람",), ("사람",)),
    ],
)
def test_what_is_unwanted(query: str, head: str, seen: tuple[str, ...], said: tuple[str, ...]) -> None:
    (clause,) = parse(query).sides

    assert clause.seen == clause.said == head
    assert clause.unwanted_seen == seen
    assert clause.unwanted_said == said
    assert clause.intent("rules") == route(head)


def test_several_words_are_excluded_as_a_phrase() -> None:
    assert parse("a street without red cars").sides[0].words.excluded == (("red", "cars"),)
    assert parse("beach without people").sides[0].words.excluded == (("people",),)


@pytest.mark.parametrize(
    ("query", "sides", "within"),
    [
        ("a dog then a cat within 20s", ["a dog", "a cat"], (20.0,)),
        ("a dog then within 2 min a cat", ["a dog", "a cat"], (120.0,)),
        ("a dog THEN a cat WITHIN 1.5 Seconds", ["a dog", "a cat"], (1.5,)),
        ('says:"cheers" then see:confetti', ['"cheers"', "confetti"], (60.0,)),
        ('"hello" then a dog', ['"hello"', "a dog"], (60.0,)),
        ("a then b within 5s then c", ["a", "b", "c"], (5.0, 60.0)),
        ("강아지 다음에 고양이 20초 안에", ["강아지", "고양이"], (20.0,)),
        ("강아지 후에 고양이 20초 이내", ["강아지", "고양이"], (20.0,)),
        ("강아지 그 다음에 고양이 1분 안에", ["강아지", "고양이"], (60.0,)),
        ("강아지 그리고 나서 20초 안에 고양이", ["강아지", "고양이"], (20.0,)),
        ('says:"cheers", and then see:confetti', ['"cheers"', "confetti"], (60.0,)),
        ("see:dog followed by see:cat within 5s", ["dog", "cat"], (5.0,)),
        ("a then b within 999999 min", ["a", "b"], (MAX_WITHIN_S,)),
    ],
)
def test_one_thing_then_another(query: str, sides: list[str], within: tuple[float, ...]) -> None:
    parsed = parse(query)

    assert [side.seen or side.said for side in parsed.sides] == sides
    assert parsed.within_s == within


def test_then_inside_a_quotation_is_said() -> None:
    parsed = parse('"and then it rained" then see:rain')

    assert [side.said for side in parsed.sides] == ['"and then it rained"', ""]


def test_each_side_may_leave_something_out() -> None:
    first, second = parse("says:cheers then beach without people within 30s").sides

    assert (first.seen, first.said) == ("", "cheers")
    assert (second.seen, second.unwanted_seen) == ("beach", ("people",))
