"""Profiles get to XHGui once: over a real connection to a server that answers as XHGui's import does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.diagnose.xhgui import EXPORT, About, document_of, import_profiles
from harness.errors import InputError, MeasureError
from tests.unit.diagnose.recorded import XHPROF_REQUESTS, recorded

TOKEN = "s3cret-import-token"


class Gui:
    """`taken` are the documents that it has saved."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.status = 200
        gui = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                gui.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, asked: BaseHTTPRequestHandler) -> None:
        """Source: ImportController::import of perftools/xhgui: 401 for another token, its id where it is saved."""
        parts = urlsplit(asked.path)
        document = json.loads(asked.rfile.read(int(asked.headers["Content-Length"])))
        status = self.status
        if parts.path != "/run/import" or parse_qs(parts.query).get("token") != [TOKEN]:
            status = 401
        answer: dict[str, Any] = {"error": True, "message": "Token validation failed"}
        if status == 200:
            self.taken.append(document)
            answer = {"ok": True, "id": f"{len(self.taken):024x}", "size": 1}
        asked.send_response(status)
        asked.end_headers()
        asked.wfile.write(json.dumps(answer).encode())


@pytest.fixture
def gui() -> Iterator[Gui]:
    made = Gui()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's diagnosis with one export."""
    fewer, more = (recorded(tmp_path / part, f"xhprof-{part}.json", "profile.7.json") for part in ("n", "2n"))
    about = About("run-1", "GET /static", "GET", "/static?bytes=512", XHPROF_REQUESTS, 1_700_000_000)
    kept = tmp_path / "diagnosis/xhprof/0"
    kept.mkdir(parents=True)
    (kept / EXPORT).write_text(json.dumps(document_of(fewer, more, about)) + "\n")
    return tmp_path / "diagnosis"


def test_a_profile_is_imported_once(gui: Gui, folder: Path) -> None:
    assert import_profiles(folder, gui.url + "/", TOKEN) == [f"XHGui has the profile of GET /static: {1:024x}"]
    assert import_profiles(folder, gui.url, TOKEN) == ["XHGui has the profile of GET /static already"]
    (taken,) = gui.taken
    assert taken["meta"]["url"] == "/static?bytes=512"
    assert taken["meta"]["simple_url"] == "/static"
    assert {"request_ts", "request_ts_micro", "request_date", "SERVER", "env", "get"} <= taken["meta"].keys()
    assert taken["profile"]["main()"]["ct"] == XHPROF_REQUESTS
    leaky = taken["profile"]["Leaks\\Cause\\StaticProperty::leaky==>Leaks\\Payload::of"]
    assert (leaky["ct"], leaky["mu"]) == (XHPROF_REQUESTS, XHPROF_REQUESTS * 640)


def test_what_was_refused_is_sent_again_and_the_token_is_not_told(gui: Gui, folder: Path) -> None:
    with pytest.raises(MeasureError, match="401") as refused:
        import_profiles(folder, gui.url, f"not-{TOKEN}")
    assert TOKEN not in str(refused.value)
    import_profiles(folder, gui.url, TOKEN)
    assert len(gui.taken) == 1
    assert TOKEN not in "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def test_an_answer_that_was_lost_brings_no_second_profile(
    gui: Gui, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gui, "answer", lambda asked: asked.connection.close())
    with pytest.raises(MeasureError, match="may have the profile"):
        import_profiles(folder, gui.url, TOKEN)
    monkeypatch.undo()
    assert import_profiles(folder, gui.url, TOKEN) == ["XHGui has the profile of GET /static already"]
    assert gui.taken == []


@pytest.mark.parametrize("url", ["", "xhgui", "ftp://127.0.0.1", "http://", "http://[::1"])
def test_an_address_has_to_be_one(url: str, folder: Path) -> None:
    with pytest.raises(InputError):
        import_profiles(folder, url, TOKEN)


def test_a_server_that_is_not_there(folder: Path) -> None:
    with pytest.raises(MeasureError, match="doesn't answer"):
        import_profiles(folder, "http://127.0.0.1:9", TOKEN)
