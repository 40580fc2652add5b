"""Routes read in PHP alone: the paths that Hyperf makes of attributes, and what config/routes.php registers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.routes.annotations import annotated_routes, prefix_of, snake
from harness.routes.route import Route, Value, route_of
from harness.routes.router_file import registered_routes
from harness.routes.source import port_of, read_app

ROOT = Path(__file__).resolve().parents[3]
IMPORTS = "use Hyperf\\HttpServer\\Annotation\\{AutoController, Controller, GetMapping, PostMapping, RequestMapping};\n"
NAMESPACE = "namespace App\\Controller\\V1;\n"


def annotated(code: str, *, head: str = NAMESPACE + IMPORTS) -> list[Route | str]:
    return list(annotated_routes("app/X.php", f"<?php\n{head}{code}".encode()))


def registered(code: str) -> list[Route | str]:
    source = f"<?php\nuse Hyperf\\HttpServer\\Router\\Router;\n{code}"
    return list(registered_routes("config/routes.php", source.encode()))


def names(found: list[Route | str]) -> list[str]:
    return [route.name if isinstance(route, Route) else f"? {route}" for route in found]


@pytest.mark.parametrize(
    ("attribute", "mapping", "expected"),
    [
        ("Controller", "GetMapping", ["GET /v1/user_info/show_all"]),
        ("Controller()", "GetMapping()", ["GET /v1/user_info/show_all"]),
        ("Controller(prefix: 'u')", "GetMapping(path: '')", ["GET /u"]),
        ("Controller('/u')", "GetMapping('list')", ["GET /u/list"]),
        ("Controller('/u/')", "GetMapping('list')", ["GET /u/list"]),
        ("Controller('u')", "GetMapping('/list')", ["GET /list"]),
        ("Controller('u')", 'PostMapping(path: "a/{id:\\\\d+}")', ["POST /u/a/{id}"]),
        ("Controller('u')", "RequestMapping('x')", ["GET /u/x", "POST /u/x"]),
        ("Controller('u')", "RequestMapping(path: 'x', methods: 'put, patch')", ["PUT /u/x", "PATCH /u/x"]),
        ("Controller('u')", "RequestMapping('x', [RequestMapping::GET, 'DELETE'])", ["GET /u/x", "DELETE /u/x"]),
        ("Controller('u')", "GetMapping(self::P . '/y')", ["GET /u/own/y"]),
        ("Controller(prefix: self::P)", "GetMapping('y')", ["GET /own/y"]),
        ("Controller('u', server: 'ws')", "GetMapping('y')", []),
        ("Controller('u')", "Deprecated", []),
        ("Other('u')", "GetMapping('y')", []),
    ],
)
def test_attributes_make_paths_as_hyperf_does(attribute: str, mapping: str, expected: list[str]) -> None:
    inside = f"const P = 'own';\n #[{mapping}]\n public function showAll() {{}}"
    code = f"#[{attribute}]\nclass UserInfoController {{ {inside} }}"
    assert names(annotated(code)) == expected


def test_an_auto_controller_serves_its_public_methods_and_index_twice() -> None:
    code = """#[AutoController]
    final class OrderController extends Base {
        public function __construct() {}
        public function index() {}
        function listAll(int $page) {}
        protected function inner() {}
        private static function more() {}
    }"""
    expected = ["/v1/order/index", "/v1/order", "/v1/order/listAll"]
    assert names(annotated(code)) == [f"{method} {path}" for path in expected for method in ("GET", "POST", "HEAD")]


def test_names_from_elsewhere_are_followed_and_strangers_left_alone() -> None:
    code = (
        "#[Http\\Controller('a')]\nclass A { #[\\Hyperf\\HttpServer\\Annotation\\GetMapping('b')]\n function c() {} }"
    )
    assert names(annotated(code, head="use Hyperf\\HttpServer\\Annotation as Http;\n")) == ["GET /a/b"]
    aliased = "#[C('a')]\nclass A { #[G('b')]\n function c() {} }"
    head = "use Hyperf\\HttpServer\\Annotation\\{Controller as C, GetMapping as G};\n"
    assert names(annotated(aliased, head=head)) == ["GET /a/b"]
    assert annotated("#[Controller('a')]\nclass A {}", head="use My\\Controller;\n") == []


def test_what_is_made_when_the_app_runs_is_said_with_its_place() -> None:
    code = "#[Controller('a')]\nclass A { #[GetMapping(Paths::LIST)]\n function b() {} }"
    (said,) = annotated(code)
    assert isinstance(said, str)
    assert said.startswith("app/X.php:5: ")
    assert "Paths::LIST" in said


def test_placeholders_know_what_they_take() -> None:
    code = """#[Controller('u')]
    class A { #[GetMapping('{id}/{slug}/{kind:new|old}/{n:\\d{2}}/{ref:[^/]+}[/{page}]')]
    function b(string $id, int $slug) {} }"""
    (route,) = annotated(code)
    assert isinstance(route, Route)
    assert route.path == "/u/{id}/{slug}/{kind}/{n}/{ref}"
    assert route.remark == "[/{page}] may follow"
    assert dict(route.placeholders) == {
        "id": Value("text"),
        "slug": Value("integer"),
        "kind": Value(choices=("new", "old")),
        "n": Value("integer"),
        "ref": Value("text"),
    }


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("Router::get('/a', 'X@y');", ["GET /a"]),
        ("Router::post('a', [X::class, 'y']);", ["POST /a"]),
        ("Router::addRoute(['GET', 'HEAD'], '/a', X::class);", ["GET /a", "HEAD /a"]),
        ("Router::addRoute('PUT', '/a' . '/b', X::class);", ["PUT /a/b"]),
        ("Router::addRoute(route: '/a', httpMethod: ['GET'], handler: X::class);", ["GET /a"]),
        (
            "Router::addGroup('/v1', function () { Router::get('', 'X'); "
            "Router::addGroup('/in', fn () => Router::delete('/a/{id:\\d+}', 'X')); }); Router::patch('/b', 'X');",
            ["GET /v1", "DELETE /v1/in/a/{id}", "PATCH /b"],
        ),
        ("Router::addServer('ws', function () { Router::get('/', 'X'); });", []),
        ("Router::addServer('http', function () { Router::get('/', 'X'); });", ["GET /"]),
        ("if (env('X')) { Router::head('/a', 'X'); }", ["HEAD /a"]),
        ("\\Hyperf\\HttpServer\\Router\\Router::get('/a', 'X');", ["GET /a"]),
        ("Other::get('/a', 'X'); Arr::addGroup('/b', 1);", []),
        ("$x = Helper::with(function () { Router::get('/a', 'X'); });", ["GET /a"]),
    ],
)
def test_registered_routes_are_read_in_their_groups(code: str, expected: list[str]) -> None:
    assert names(registered(code)) == expected


@pytest.mark.parametrize(
    "code",
    [
        "Router::get($path, 'X');",
        "Router::get(sprintf('/%s', X), 'X');",
        "Router::addGroup('/v1', [Routes::class, 'add']);",
        "Router::get();",
        'Router::get("/a/$b", 1);',
        "foreach ($all as $r) { Router::addRoute($r->method, $r->path, X::class); }",
    ],
)
def test_registered_routes_that_only_running_tells_are_said(code: str) -> None:
    (said,) = registered(code)
    assert isinstance(said, str)
    assert said.startswith("config/routes.php:3: ")
    assert said.endswith("is made when the app runs")


@pytest.mark.parametrize(
    ("class_name", "prefix"),
    [
        ("App\\Controller\\UserController", "/user"),
        ("App\\Controller\\V1\\UserInfoController", "/v1/user_info"),
        ("App\\Controller\\Admin\\ControllerController", "/admin/controller"),
        ("App\\Http\\Ping", "/app/http/ping"),
    ],
)
def test_a_prefix_that_is_not_given_is_made_of_the_classs_name(class_name: str, prefix: str) -> None:
    assert prefix_of(class_name) == prefix


@pytest.mark.parametrize(("name", "expected"), [("index", "index"), ("getUserInfo", "get_user_info"), ("AB", "a_b")])
def test_snake_case_is_hyperfs(name: str, expected: str) -> None:
    assert snake(name) == expected


def test_our_own_hyperf_app_is_read_whole_but_for_what_its_code_registers() -> None:
    found = read_app(ROOT / "compose/hyperf")
    listed = {route.name for route in found.routes}
    assert {"GET /real/handshake/clean", "GET /order", "GET /redis/clean", "GET /", "GET /real/task"} <= listed
    assert len(listed) == 23
    assert found.notes == ("config/routes.php:16: $route->method is made when the app runs",)
    assert found.port == 9501


def test_a_folder_without_routes_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no route was found") as failed:
        read_app(tmp_path)
    assert "--container" in failed.value.hint


def test_links_out_of_the_app_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    code = f"<?php {IMPORTS}#[Controller('a')] class A {{ #[GetMapping('b')] function c() {{}} }}"
    (outside / "A.php").write_text(code)
    app = tmp_path / "app-folder"
    (app / "app").mkdir(parents=True)
    (app / "app/B.php").write_text(code.replace("'b'", "'own'"))
    (app / "app/A.php").symlink_to(outside / "A.php")
    assert [route.name for route in read_app(app).routes] == ["GET /a/own"]


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("'port' => 8080,", 8080),
        ("'port' => (int) env('APP_PORT', 9601),", 9601),
        ("'port' => env('P', 9601),", 9601),
        ("", 9501),
    ],
)
def test_the_port_is_that_of_the_configured_server(line: str, port: int, tmp_path: Path) -> None:
    (tmp_path / "config/autoload").mkdir(parents=True)
    (tmp_path / "config/autoload/server.php").write_text(f"<?php return ['servers' => [[{line}]]];")
    assert port_of(tmp_path) == port


@given(st.text(st.sampled_from("<?php#[Controller('a')]class A{Router::get(;}\n\\{}$\"é"), max_size=200))
def test_broken_source_is_read_as_far_as_it_goes(text: str) -> None:
    list(annotated_routes("x.php", (IMPORTS + text).encode()))
    list(registered_routes("x.php", (IMPORTS + text).encode()))


@given(st.text(st.sampled_from("/ab{}[]:\\d+|()-0"), max_size=40))
def test_any_pattern_makes_a_path(pattern: str) -> None:
    assert route_of("get", pattern).path.startswith("/")
