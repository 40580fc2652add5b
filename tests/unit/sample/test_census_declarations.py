"""Lines of declarations in PHP source, as people write it."""

from __future__ import annotations

import pytest

from harness.model.census import Declaration
from harness.sample.declarations import locate_global, locate_only_timer, locate_property, locate_variable

SOURCE = r"""<?php
namespace App;
// private static $items
class Base { protected array $inherited = []; }
trait Keeps
{
    private static array $kept = [];
}
class Service extends Base
{
    use Keeps;

    /** @var list<string> $log private $log */
    private array $log = ['http://x', '#no'];
    public readonly int|string $id, $other;
    #[Attr('x')] protected static ?\Closure $cb = null;

    public function __construct(
        private Log $logger, # private $log
        protected array $map = [],
    ) {
        static $calls = 0;
    }
    public function items(array $items, $log) { global $visits, $hits; static $seen = []; }
}
function counter() {
    static $n;
    $GLOBALS['total'][] = 1;
    Timer::tick(10, fn () => 1);
}
"""
DECLARED = {
    "App\\Base": Declaration("/s.php", 4, 4, ()),
    "App\\Keeps": Declaration("/s.php", 5, 8, ()),
    "App\\Service": Declaration("/s.php", 9, 25, ("App\\Keeps", "App\\Base")),
}


def read(path: str) -> str | None:
    return SOURCE if path == "/s.php" else None


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("log", 14),
        ("id", 15),
        ("cb", 16),
        ("logger", 19),
        ("map", 20),
        ("kept", 7),
        ("inherited", 4),
        ("dynamic", 9),
    ],
)
def test_a_property_in_its_class_a_trait_or_a_parent(name: str, line: int) -> None:
    assert locate_property("App\\Service", name, DECLARED, read) == ("/s.php", line)


def test_a_property_of_a_class_that_is_not_the_apps_has_no_line() -> None:
    assert locate_property("ArrayObject", "storage", DECLARED, read) is None


def test_without_the_source_it_is_where_the_class_begins() -> None:
    assert locate_property("App\\Service", "log", DECLARED, lambda _: None) == ("/s.php", 9)


def test_a_static_variable_from_its_function_on() -> None:
    assert locate_variable("$n in App\\counter() at /s.php:26", read) == ("/s.php", 27)
    assert locate_variable("$n in strlen() at strlen()", read) is None


@pytest.mark.parametrize(("name", "line"), [("visits", 24), ("hits", 24), ("total", 28)])
def test_a_global_where_it_is_named_as_one(name: str, line: int) -> None:
    assert locate_global(name, ["/gone.php", "/s.php"], read) == ("/s.php", line)


def test_a_global_that_nobody_names_is_nowhere() -> None:
    assert locate_global("nowhere", ["/s.php"], read) is None


def test_timers_have_a_line_if_they_are_started_in_one_place() -> None:
    assert locate_only_timer(["/s.php"], read) == ("/s.php", 29)
    assert locate_only_timer(["/s.php", "/s.php"], read) is None
