"""`hyperleak init` around its parts: a folder, a document or a URL in, a scenario that can be checked out."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Hyperleak
from tests.unit.routes.documents import openapi, swagger

HYPERF = Path(__file__).resolve().parents[3] / "compose/hyperf"
LISTING = """<?php
echo "+--------+--------+-----+--------+------------+\\n| Server | Method | URI | Action | Middleware |\\n";
echo "+--------+--------+-----+--------+------------+\\n| http   | GET    | /up | A::b   |            |\\n";
echo "+--------+--------+-----+--------+------------+\\n";
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pages() -> Iterator[tuple[str, dict[str, str]]]:
    """A server on loopback, and the pages that it serves."""
    served: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = served.get(self.path)
            self.send_response(404 if text is None else 200)
            self.end_headers()
            self.wfile.write((text or "<html>no such page</html>").encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", served
        server.shutdown()
        thread.join()


def test_a_folder_becomes_a_scenario_that_passes_the_check(hyperleak: Hyperleak) -> None:
    done = hyperleak("init", HYPERF, "-o", "shop.yaml", "--json")
    assert done.code == 0
    told = done.document
    assert (told["file"], told["endpoints"], told["problems"]) == ("shop.yaml", 23, [])
    assert told["target"]["compose"]["service"] == "hyperf"
    assert {"name": "GET /redis", "where": "app/Controller/RedisController.php:25"} in told["routes"]
    assert told["notes"] == ["config/routes.php:16: $route->method is made when the app runs"]
    assert "--container" in done.err
    assert hyperleak("check", "shop.yaml").code == 0


def test_an_app_that_can_run_here_lists_its_routes_itself(hyperleak: Hyperleak, tmp_path: Path) -> None:
    for name, text in {"bin/hyperf.php": LISTING, "vendor/autoload.php": "<?php", "config/routes.php": "<?php"}.items():
        (tmp_path / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "shop" / name).write_text(text)
    assert "- GET /up\n" in hyperleak("init", "shop", "-o", "-").out
    failed = hyperleak("init", "shop", "--static")
    assert failed.code == 2
    assert "no route was found in its source" in failed.err
    (tmp_path / "shop/bin/hyperf.php").write_text("<?php exit(3);")
    (tmp_path / "shop/config/routes.php").write_text("<?php \\Hyperf\\HttpServer\\Router\\Router::get('/own', 'A');")
    fallen_back = hyperleak("init", "shop")
    assert fallen_back.code == 0
    assert "ended with 3" in fallen_back.out
    assert "- GET /own\n" in Path("scenario.yaml").read_text()


@pytest.mark.parametrize("place", ["/openapi.json", "/v3/api-docs", "/swagger.json"])
def test_a_running_app_is_asked_for_its_document_at_the_usual_places(
    place: str, hyperleak: Hyperleak, pages: tuple[str, dict[str, str]]
) -> None:
    url, served = pages
    served |= {"/": "<html>swagger openapi</html>", place: json.dumps(openapi())}
    done = hyperleak("init", url)
    assert done.code == 0
    assert f"from {url}{place}" in done.out
    text = Path("scenario.yaml").read_text()
    assert f"port: {url.rpartition(':')[2]}" in text
    assert "name: small-shop" in text
    assert hyperleak("check", "scenario.yaml").code == 0


def test_the_documents_own_url_is_taken_as_it_is(hyperleak: Hyperleak, pages: tuple[str, dict[str, str]]) -> None:
    url, served = pages
    served |= {"/docs/shop.yaml": json.dumps(swagger()), "/openapi.json": json.dumps(openapi())}
    assert "name: old-shop" in hyperleak("init", f"{url}/docs/shop.yaml", "-o", "-").out


def test_a_documents_file_is_read_and_its_folder_tells_the_target(hyperleak: Hyperleak, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(openapi()))
    (tmp_path / "Dockerfile").write_text("FROM x\nEXPOSE 9000\n")
    assert "  build: {context: .}\n  port: 9501\n" in hyperleak("init", "openapi.json", "-o", "-").out


def test_no_file_is_written_over_unless_it_is_wished(hyperleak: Hyperleak) -> None:
    Path("scenario.yaml").write_text("mine")
    refused = hyperleak("init", HYPERF)
    assert (refused.code, Path("scenario.yaml").read_text()) == (2, "mine")
    assert "--force" in refused.err
    assert hyperleak("init", HYPERF, "--force").code == 0
    assert Path("scenario.yaml").read_text() != "mine"


def test_a_link_that_leads_nowhere_is_a_file_that_is_there(hyperleak: Hyperleak, tmp_path: Path) -> None:
    Path("scenario.yaml").symlink_to(tmp_path / "elsewhere")
    assert hyperleak("init", HYPERF).code == 2
    assert not (tmp_path / "elsewhere").exists()


def test_a_schema_beside_the_scenario_is_named_in_it(hyperleak: Hyperleak) -> None:
    assert "yaml-language-server" not in hyperleak("init", HYPERF, "-o", "-").out
    Path("scenario.schema.json").write_text("{}")
    first = "# yaml-language-server: $schema=scenario.schema.json\n"
    assert hyperleak("init", HYPERF, "-o", "-").out.startswith(first)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 2, "nowhere is not there"),
        (["http://"], 2, "is not a URL"),
        (["http://127.0.0.1:9/"], 2, "see that the app runs"),
        (["http://[::1/"], 2, "is not a URL"),
        (["."], 2, "no route was found"),
        ([HYPERF, "--container", "a", "--static"], 2, "leave one of them out"),
        ([HYPERF, "-o", "-", "--json"], 2, "two documents"),
        ([HYPERF, "-o", "no/such/folder/a.yaml"], 4, "No such file"),
        ([HYPERF, "--container", "hyperleak-no-such-container"], 2, "there is no container"),
    ],
)
def test_what_cant_be_done_is_said_with_what_to_do(
    arguments: list[object], code: int, said: str, hyperleak: Hyperleak
) -> None:
    done = hyperleak("init", *arguments)
    assert done.code == code
    assert said in done.err
    assert "→" in done.err


def test_a_server_without_a_document_is_told_with_what_was_tried(
    hyperleak: Hyperleak, pages: tuple[str, dict[str, str]]
) -> None:
    done = hyperleak("init", pages[0])
    assert done.code == 2
    assert "/openapi.json (404)" in done.err
    assert "/v3/api-docs (404)" in done.err
