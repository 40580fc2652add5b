"""Every rule with its leaky twin and its clean twin."""

from __future__ import annotations

import pytest

from tests.unit.review.source import controller, findings, rules

POOL = "private \\Hyperf\\Pool\\Pool $pool;"
STATIC = "private static array $seen = [];"
OWN = "private array $seen = [];"


@pytest.mark.parametrize(
    ("body", "members", "rule"),
    [
        ("self::$seen[] = $request;", STATIC, "growing-static"),
        ("static::$seen[$request->getUri()->getPath()] = 1;", STATIC, "growing-static"),
        ("$id = uniqid(); self::$seen[$id] ??= 1;", STATIC, "growing-static"),
        ("array_push(self::$seen, 1);", STATIC, "growing-static"),
        ("self::$seen = array_merge(self::$seen, [1]);", STATIC, "growing-static"),
        ("self::$seen = [...self::$seen, 1];", STATIC, "growing-static"),
        ("self::$log .= 'line';", "private static string $log = '';", "growing-static"),
        ("static $calls = []; $calls[] = 1;", "", "growing-function-static"),
        ("$GLOBALS['calls'][] = 1;", "", "growing-global"),
        ("global $calls; $calls[] = 1;", "", "growing-global"),
        ("$this->seen[] = 1;", OWN, "growing-property"),
        ("$this->seen['a'][] = 1;", OWN, "growing-property"),
        ("$this->all->attach($request);", "private \\SplObjectStorage $all;", "growing-property"),
        ("self::$seen[] = fn () => $request;", STATIC, "stored-closure"),
        ("$this->seen[] = function () use ($request) {};", OWN, "stored-closure"),
        ("$this->seen[] = fopen('/tmp/x', 'r');", OWN, "kept-resource"),
        ("$file = @fopen('/tmp/x', 'r'); $this->seen[] = $file;", OWN, "kept-resource"),
        ("$this->seen[] = $this->pool->get();", OWN, "kept-resource"),
        ("$this->seen[] = 1; $this->work(); array_pop($this->seen);", OWN, "skipped-release"),
        ("$c = $this->pool->get(); $c->query('x');", POOL, "unreturned-connection"),
        (
            "$c = $this->pool->get(); $c->query('x'); $c->release();",
            "private \\Hyperf\\Pool\\Pool $pool;",
            "unreturned-connection",
        ),
        ("CoordinatorManager::until(uniqid())->yield(1);", "", "kept-by-key"),
        ("$this->logs->get($request->getUri()->getPath());", "private LoggerFactory $logs;", "kept-by-key"),
        ("Timer::tick(1000, fn () => 1);", "", "uncleared-timer"),
        ("swoole_timer_tick(1000, fn () => 1);", "", "uncleared-timer"),
        ("Coroutine::create(function () { Coroutine::suspend(); });", "", "endless-coroutine"),
        ("go(function () { while (true) { usleep(1); } });", "", "endless-coroutine"),
        ("go(function () { (new Channel())->pop(); });", "", "endless-coroutine"),
        ("$p = $this->libc->malloc(100);", "private \\FFI $libc;", "native-memory"),
    ],
)
def test_what_keeps_something_of_every_request_is_found(body: str, members: str, rule: str) -> None:
    assert rules(controller(body, members)) == [rule]


@pytest.mark.parametrize(
    ("body", "members"),
    [
        ("self::$seen[] = $request; array_pop(self::$seen);", STATIC),
        ("self::$seen['last'] = $request;", STATIC),
        ("self::$seen[static::class] = 1;", STATIC),
        ("if (count(self::$seen) < 100) { self::$seen[] = 1; }", STATIC),
        ("self::$seen[uniqid()] = 1; self::$seen = array_slice(self::$seen, -10);", STATIC),
        ("self::$seen = [$request];", STATIC),
        ("foreach ([1, 2] as $i) { self::$seen[$i] = 1; }", STATIC),
        ("$id = Coroutine::getuid(); self::$seen[$id] = 1; defer(function () { unset(self::$seen[$id]); });", STATIC),
        ("$seen = []; $seen[] = 1;", ""),
        ("$GLOBALS['call'] = 1;", ""),
        ("$this->seen[] = 1; try { $this->work(); } finally { array_pop($this->seen); }", OWN),
        ("$this->seen[] = 1; $n = count($this->seen); array_pop($this->seen);", OWN),
        ("$c = $this->pool->get(); try { $c->query(); } finally { $c->release(); }", POOL),
        ("CoordinatorManager::until('worker')->yield(1);", ""),
        ("$id = uniqid(); CoordinatorManager::until($id)->yield(1); CoordinatorManager::clear($id);", ""),
        ("$this->logs->get('shop');", "private LoggerFactory $logs;"),
        ("$id = Timer::tick(10, fn () => 1); Timer::clear($id);", ""),
        ("Timer::after(1000, fn () => 1);", ""),
        ("go(function () use ($request) { work($request); });", ""),
        ("go(function () { while (true) { if (done()) { break; } } });", ""),
        ("$file = fopen('/tmp/x', 'r'); fread($file, 1);", ""),
        ("$p = $this->libc->malloc(100); $this->libc->free($p);", "private \\FFI $libc;"),
    ],
)  # fmt: skip
def test_what_is_given_up_again_or_has_a_limit_is_not(body: str, members: str) -> None:
    assert rules(controller(body, members)) == []


def keeping(name: str) -> str:
    members = "private array $lines = []; public function keep($l) { $this->lines[] = $l; }"
    return f"<?php namespace App; class {name} {{ {members} }}"


def test_a_service_that_a_controller_calls_is_in_the_requests_path() -> None:
    service = keeping("Log")
    caller = controller("$this->log->keep('x');", "public function __construct(private Log $log) {}")
    assert [f.holder for f in findings(caller, service)] == ["App\\Log->lines"]


def test_an_object_made_for_the_request_may_keep_what_it_likes() -> None:
    order = keeping("Order")
    caller = controller(
        "$order = new Order(); $order->keep('x');", "public function __construct(private Order $last) {}"
    )
    assert rules(caller, order) == []


def test_what_another_method_only_takes_out_counts_as_taken_out() -> None:
    members = OWN + " public function flush(): void { $this->seen = []; }"
    assert rules(controller("$this->seen[] = 1;", members)) == []


def test_what_a_clean_twin_takes_out_is_only_its_own() -> None:
    clean = " public function clean(Request $r): void { self::$seen[] = 1; array_pop(self::$seen); }"
    assert rules(controller("self::$seen[] = 1;", STATIC + clean)) == ["growing-static"]


def test_growth_at_the_start_is_nobodys_leak() -> None:
    assert rules(controller("", STATIC + " public function __construct() { self::$seen[] = 1; }")) == []


def test_a_static_that_some_caller_may_fill_is_only_possible() -> None:
    members = "static array $all = []; static function of($key) { return self::$all[$key] ??= 1; }"
    library = f"<?php namespace Lib; class Cache {{ {members} }}"
    assert [(f.likelihood, f.holder) for f in findings(library)] == [("possible", "Lib\\Cache::$all")]


def test_routes_given_to_a_router_are_entries() -> None:
    given = "Router::get('/a', [\\App\\Page::class, 'a']); Router::get('/b', 'App\\Page@b');"
    routes = f"<?php use Hyperf\\HttpServer\\Router\\Router; {given}"
    members = "static array $s = []; function a() { self::$s[] = 1; } function b() { self::$s[] = 2; }"
    page = f"<?php namespace App; class Page {{ {members} }}"
    assert rules(routes, page) == ["growing-static", "growing-static"]
