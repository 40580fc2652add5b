"""Hyperf's own listing: the table it prints, read back; a real PHP prints it, in time or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.routes import listing
from harness.routes.listing import ask_app, read_listing, run_here

TABLE = """\
[DEBUG] Event Hyperf\\Framework\\Event\\BootApplication handled by X | Y.
+--------+----------+-----------------------+-----------------------------+------------+
| Server | Method   | URI                   | Action                      | Middleware |
+--------+----------+-----------------------+-----------------------------+------------+
| http   | GET      | /                     | App\\Index::index            |            |
+--------+----------+-----------------------+-----------------------------+------------+
| http   | GET|POST | /users/{id:\\d+}/{a|b} | App\\User::show              | App\\A      |
|        |          |                       |                             | App\\B      |
+--------+----------+-----------------------+-----------------------------+------------+
| http   | DELETE   | /v1[/{page}]          | Closure                     |            |
+--------+----------+-----------------------+-----------------------------+------------+
"""


def test_every_row_is_read_with_its_methods_and_action() -> None:
    found = list(read_listing(TABLE))
    assert [route.name for route in found] == [
        "GET /",
        "GET /users/{id}/{a|b}",
        "POST /users/{id}/{a|b}",
        "DELETE /v1",
    ]
    assert [route.where for route in found][1] == "App\\User::show"


@pytest.mark.parametrize("text", ["", "Command not found", "+--+\n|a |\n+--+", TABLE.splitlines()[5], TABLE[:300]])
def test_what_is_no_such_table_has_no_routes(text: str) -> None:
    assert list(read_listing(text)) == []


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "table").write_text(TABLE)
    return tmp_path


def test_the_app_is_asked_by_its_own_program(app: Path) -> None:
    (app / "bin/hyperf.php").write_text(
        "<?php if ($argv[1] !== 'describe:routes') { exit(9); } echo file_get_contents('table');"
    )
    found = ask_app(run_here(app), "in the app")
    assert next(route.name for route in found.routes) == "GET /"
    assert found.source == "`describe:routes` in the app"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ('<?php fwrite(STDERR, "\\n  Command \\"describe:routes\\" is not defined.\\n"); exit(1);', "is not defined"),
        ("<?php throw new Exception('no database');", "ended with 255"),
        ("<?php sleep(60);", "did not end within"),
    ],
)
def test_an_app_that_cant_tell_says_why(program: str, said: str, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LISTING_TIMEOUT_S", 2)
    (app / "bin/hyperf.php").write_text(program)
    with pytest.raises(InputError, match=said) as failed:
        ask_app(run_here(app), "in the app")
    assert "--static" in failed.value.hint


def test_a_program_that_is_not_there_is_told(app: Path) -> None:
    assert run_here(app)(["/no/such/program"])[0] == 127
