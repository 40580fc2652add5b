"""The difference of two censuses names the deepest place that explains the growth, once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.model.census import Census, Declaration, Place
from harness.sample.census import cause_of_holders, growths_between

ROOT = Place(-1, "root", "", "", 0, 0, 0)
SOURCE = """<?php
final class Registry
{
    /** private static array $items */
    private static array $items = [];
    public function __construct(private Log $log, protected ?array $seen = null) {}
}
"""
DECLARED = {"App\\Registry": Declaration("/app/Registry.php", 2, 7, ())}


def census(*places: Place, heap_bytes: int = 0, stopped: str = "") -> Census:
    return Census(
        id=1,
        pid=1,
        heap_bytes=heap_bytes,
        heap_peak_bytes=0,
        heap_reserved_bytes=0,
        classes=0,
        uptime_s=0,
        places=(ROOT, *places),
        declarations=DECLARED,
        stopped=stopped,
    )


def array(parent: int, kind: str, step: str, elements: float, size: float, instances: float = 1) -> Place:
    return Place(parent, kind, step, "array", instances, elements, size)


def a_static(elements: float, size: float) -> Place:
    return array(0, "static", "App\\Registry::$items", elements, size)


def grown(before: list[Place], after: list[Place], requests: int = 100) -> list[tuple[str, float, float]]:
    return [
        (growth.holder.path, growth.holder.bytes_per_request, growth.holder.elements_per_request)
        for growth in growths_between(census(*before), census(*after), requests)
    ]


def test_a_static_array_that_every_request_appends_to() -> None:
    assert grown([a_static(10, 1000)], [a_static(110, 65000)]) == [("App\\Registry::$items", 640.0, 1.0)]


def test_file_and_line_are_those_of_the_declaration_not_of_a_comment() -> None:
    (growth,) = growths_between(
        census(a_static(0, 0)), census(a_static(100, 9000)), 100, read_source={"/app/Registry.php": SOURCE}.get
    )
    assert (growth.holder.file, growth.holder.line, growth.cause) == ("/app/Registry.php", 5, "static")


def test_nothing_is_told_of_what_stays() -> None:
    same = [a_static(10, 1000)]
    assert grown(same, same) == []
    assert cause_of_holders(()) == "unknown"


def test_the_deepest_place_that_stays_is_told_and_its_owners_are_not() -> None:
    def graph(elements: float, size: float) -> list[Place]:
        return [
            a_static(1, 376),
            Place(1, "element", "['acme']", "object stdClass", 1, 1, 416),
            array(2, "property", "sessions", elements, size),
        ]

    assert grown(graph(5, 500), graph(105, 40500)) == [("App\\Registry::$items['acme']->sessions", 400.0, 1.0)]


def test_what_the_elements_hold_belongs_to_their_array() -> None:
    def graph(count: float) -> list[Place]:
        return [
            a_static(count, 16 * count),
            Place(1, "element", "[…]", "object App\\Item", count, 0, 56 * count),
            array(2, "property", "rows", 3 * count, 376 * count, count),
        ]

    assert grown(graph(10), graph(110)) == [("App\\Registry::$items", 448.0, 1.0)]


def test_two_holders_under_one_owner_are_both_told() -> None:
    def graph(count: float) -> list[Place]:
        return [
            a_static(2, 376),
            array(1, "element", "['a']", count, 100 * count),
            array(1, "element", "['b']", count, 50 * count),
        ]

    assert grown(graph(10), graph(110)) == [
        ("App\\Registry::$items['a']", 100.0, 1.0),
        ("App\\Registry::$items['b']", 50.0, 1.0),
    ]


def test_an_object_alone_of_its_class_has_one_name_however_it_was_found() -> None:
    def found(kind: str, count: float) -> list[Place]:
        return [
            Place(0, kind, "somewhere", "object App\\Registry", 1, 0, 56),
            array(1, "property", "\0App\\Registry\0log", count, 80 * count),
        ]

    before, after = census(*found("frame", 10)), census(*found("global", 110))
    (growth,) = growths_between(before, after, 100, read_source={"/app/Registry.php": SOURCE}.get)
    assert (growth.holder.path, growth.holder.line, growth.cause) == ("App\\Registry->log", 6, "singleton")


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("closure /app/x.php:7", "closure"),
        ("resource stream", "resource"),
        ("object Redis", "resource"),
        ("object Fiber", "coroutine"),
    ],
)
def test_what_is_kept_tells_the_cause(content: str, cause: str) -> None:
    def graph(count: float) -> list[Place]:
        return [a_static(count, 16 * count), Place(1, "element", "[…]", content, count, 0, 320 * count)]

    growths = growths_between(census(*graph(10)), census(*graph(110), heap_bytes=33600), 100)
    assert cause_of_holders(growths) == cause


def test_what_no_walk_reaches_counts_for_the_opaque_things_that_became_more() -> None:
    def timers(count: float) -> Place:
        return Place(0, "timer", "Swoole\\Timer", "timer", count, 0, 0)

    (growth,) = growths_between(census(timers(1)), census(timers(101), heap_bytes=49600), 100)
    assert growth.cause == "timer"
    assert (growth.holder.bytes_per_request, growth.holder.elements_per_request) == (496.0, 1.0)


def test_what_several_hold_together_is_not_told_twice() -> None:
    before = census(a_static(10, 1000))
    after = census(a_static(110, 101_000), heap_bytes=64_000)
    assert growths_between(before, after, 100)[0].holder.bytes_per_request == 640.0


def test_a_timer_counts_more_than_the_coroutine_that_waits_for_it() -> None:
    def waiting(count: float) -> list[Place]:
        return [
            Place(0, "coroutine", "/app/Timer.php:3", "coroutine", count, 0, 8192 * count),
            Place(0, "timer", "Swoole\\Timer", "timer", count, 0, 0),
        ]

    growths = growths_between(census(*waiting(1)), census(*waiting(101), heap_bytes=1_000_000), 100)
    assert {growth.cause for growth in growths} == {"coroutine", "timer"}
    assert cause_of_holders(growths) == "timer"


def test_a_walk_that_was_stopped_names_nothing_that_only_the_other_met() -> None:
    before = census(stopped="time")
    after = census(a_static(110, 65000), heap_bytes=65000)
    assert growths_between(before, after, 100) == ()


def test_an_answer_with_a_ring_of_places_is_refused() -> None:
    with pytest.raises(ValidationError, match="comes before"):
        census(array(1, "global", "x", 0, 0))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Place], list[Place]]:
    places: list[Place] = []
    for index in range(draw(st.integers(1, 12))):
        parent = draw(st.integers(0, index))
        kind = "static" if parent == 0 else "element"
        places.append(Place(parent, kind, f"{index}", "array", 1, 0, draw(st.integers(0, 10_000))))
    gained = [draw(st.integers(0, 100_000)) for _ in places]
    return places, [place._replace(bytes=place.bytes + more) for place, more in zip(places, gained, strict=True)]


@given(graphs())
def test_no_byte_is_told_twice(pair: tuple[list[Place], list[Place]]) -> None:
    before, after = pair
    told = sum(size for _, size, _ in grown(before, after, 1))
    assert told <= sum(place.bytes for place in after) - sum(place.bytes for place in before)
