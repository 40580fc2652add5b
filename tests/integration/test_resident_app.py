"""The resident app behaves as a resident PHP service does, and keeps nothing but what its cases leak."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median

import pytest

from tests.integration.resident import Client, Resident, gone, wait_until

LEAKS = {
    "static": 640,
    "global": 320,
    "closure": 2040,
    "singleton": 320,
    "timer": 1296,
    "tiny": 40,
    "growing-key": 360,
    "error": 640,
    "nested": 320,
}
"""The heap bytes a request keeps by default, without the array's rare doubling."""

KEEP_SOMETHING = ("resource", "socket", "context")
FLAT_HERE = ("extension", "pair/a", "pair/b", "elsewhere", "volume", "contended")
"""Leaks that the heap of the answering worker does not show, one at a time."""

FLAT_PAGES = (
    "/",
    "/health",
    "/clean",
    "/big",
    "/log",
    "/slow?ms=1",
    "/inflight?ms=1",
    "/static-file",
    "/nowhere",
    "/static?bytes=no",
    "/private",
)


@pytest.fixture(scope="module")
def resident() -> Iterator[Resident]:
    with Resident() as server:
        yield server


@pytest.fixture
def client(resident: Resident) -> Iterator[Client]:
    with resident.connect() as connection:
        yield connection


def two_connections(server: Resident, workers: int, opened: ExitStack) -> tuple[Client, Client]:
    """To as many workers; whichever is awake first accepts, so it may take some attempts."""
    first = opened.enter_context(server.connect())
    for _ in range(100):
        second = opened.enter_context(server.connect())
        if len({first.pid(), second.pid()}) == workers:
            return first, second
    raise AssertionError(f"100 connections did not reach {workers} workers")


def growths(client: Client, path: str, requests: int = 12) -> list[int]:
    """What each request added to the worker's heap, after the first few."""
    for _ in range(20):
        client.get(path)
    before = client.heap_bytes()
    added = []
    for _ in range(requests):
        client.get(path)
        after = client.heap_bytes()
        added.append(after - before)
        before = after
    return added


def talk(port: int, data: bytes) -> bytes:
    """Sends raw bytes and reads until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(data)
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
    return answer


def anon_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))


class TestMemory:
    @pytest.mark.parametrize(("case", "bytes_per_request"), LEAKS.items())
    def test_a_leak_keeps_the_same_bytes_in_every_request(
        self, client: Client, case: str, bytes_per_request: int
    ) -> None:
        assert median(growths(client, f"/{case}")) == bytes_per_request

    @pytest.mark.parametrize("case", KEEP_SOMETHING)
    def test_a_leak_of_something_else_shows_in_the_heap_too(self, client: Client, case: str) -> None:
        assert min(growths(client, f"/{case}")) > 0

    @pytest.mark.parametrize("case", [*LEAKS, *KEEP_SOMETHING, *FLAT_HERE])
    def test_a_clean_twin_keeps_nothing(self, client: Client, case: str) -> None:
        assert set(growths(client, f"/{case}/clean")) == {0}

    @pytest.mark.parametrize("path", [*FLAT_PAGES, *(f"/{case}" for case in FLAT_HERE), "/warmup"])
    def test_a_page_keeps_nothing(self, client: Client, path: str) -> None:
        assert set(growths(client, path)) == {0}

    def test_a_pair_leaks_only_together(self, client: Client) -> None:
        before = client.heap_bytes()
        for _ in range(50):
            client.get("/pair/b")
            client.get("/pair/a")
        assert client.heap_bytes() - before >= 50 * 640

    def test_volume_leaks_only_in_a_process_that_is_asked_often(self) -> None:
        with Resident() as server, server.connect() as client:
            assert set(growths(client, "/volume", 130)) == {0}
            assert median(growths(client, "/volume")) == 640
            assert set(growths(client, "/volume/clean", 170)) == {0}

    @pytest.mark.parametrize("workers", [1, 2])
    @pytest.mark.parametrize(("path", "kept"), [("/contended", 640), ("/contended/clean", 0)])
    def test_contention_leaks_only_beside_another_request(self, path: str, kept: int, workers: int) -> None:
        with Resident(WORKERS=workers) as server, ExitStack() as opened:
            busy, client = two_connections(server, workers, opened)
            assert set(growths(client, path)) == {0}
            with ThreadPoolExecutor(1) as pool:
                at_work = pool.submit(busy.get, f"{path}?ms=500")
                time.sleep(0.1)
                assert median(growths(client, path)) == kept
                assert not at_work.done()
            assert set(growths(client, path)) == {0}

    def test_native_memory_grows_the_process_and_not_the_heap(self, client: Client) -> None:
        pid = client.pid()
        client.get("/extension?bytes=100000")
        heap_before, anon_before = client.heap_bytes(), anon_kib(pid)
        for _ in range(40):
            assert client.get("/extension?bytes=100000")[0] == 200
        assert client.heap_bytes() == heap_before
        assert anon_kib(pid) - anon_before > 3500

    def test_cyclic_garbage_goes_when_it_is_collected(self, client: Client) -> None:
        client.json("/__heap?collect=1")
        before = client.heap_bytes()
        for _ in range(20):
            client.get("/cycle")
        assert client.heap_bytes() - before > 20 * 18_000
        client.json("/__heap?collect=1")
        assert client.heap_bytes() == before

    def test_a_bounded_cache_stops_growing(self, client: Client) -> None:
        for _ in range(70):
            client.get("/cache?keys=50")
        assert set(growths(client, "/cache?keys=50")) == {0}

    def test_a_hundred_connections_leave_nothing(self) -> None:
        with Resident() as server, server.connect() as client:
            client.get("/clean")
            before = client.heap_bytes()
            with ExitStack() as stack:
                crowd = [stack.enter_context(server.connect()) for _ in range(100)]
                assert {each.get("/clean")[0] for each in crowd} == {200}
                assert client.heap_bytes() > before
            assert wait_until(lambda: client.heap_bytes() == before)

    def test_more_open_files_than_select_can_watch(self, resident: Resident, client: Client) -> None:
        for _ in range(1100):
            assert client.get("/resource")[0] == 200
        with resident.connect() as late:
            assert late.get("/health") == (200, b"ok")

    def test_a_task_worker_keeps_what_was_sent_elsewhere(self) -> None:
        with Resident() as server, server.connect() as client:
            worker = client.pid()
            (task,) = (pid for pid in server.children() if pid != worker)

            before = anon_kib(task)
            for _ in range(50):
                assert client.get("/elsewhere/clean?bytes=100000")[0] == 200
            assert anon_kib(task) - before < 1000
            for _ in range(50):
                assert client.get("/elsewhere?bytes=100000")[0] == 200
            assert wait_until(lambda: anon_kib(task) - before > 4500)


class TestHttp:
    def test_many_requests_on_one_connection(self, client: Client) -> None:
        assert client.get("/health") == (200, b"ok")
        first = client.connection.sock
        assert client.get("/private")[0] == 401
        assert client.get("/error")[0] == 500
        assert client.send("HEAD", "/big") == (200, b"")
        assert client.send("POST", "/static")[0] == 405
        assert client.get("/nowhere")[0] == 404
        assert client.connection.sock is first

    def test_login_opens_the_private_page(self, client: Client) -> None:
        wrong = json.dumps({"user": "ann", "password": "guess"}).encode()
        right = json.dumps({"user": "ann", "password": "secret"}).encode()
        assert client.send("POST", "/login", wrong)[0] == 401
        token = json.loads(client.send("POST", "/login", right)[1])["token"]
        assert client.send("GET", "/private", headers={"Authorization": f"Bearer {token}"})[0] == 200
        assert client.send("GET", "/private", headers={"Authorization": f"Bearer {token}x"})[0] == 401

    def test_echo_says_what_it_received(self, client: Client) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded", "X-Trace": "7"}
        status, body = client.send("POST", "/echo?a=1", b"name=ann&n=2", form)
        heard = json.loads(body)
        assert status == 200
        assert heard["form"] == {"name": "ann", "n": "2"}
        assert heard["query"] == {"a": "1"}
        assert heard["headers"]["x-trace"] == "7"

    def test_a_large_body_arrives_whole(self, client: Client) -> None:
        status, body = client.send("POST", "/echo", b"z" * 3_000_000)
        assert status == 200
        assert len(json.loads(body)["body"]) == 3_000_000

    def test_chunked_body(self, resident: Resident) -> None:
        answer = talk(
            resident.port,
            b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"4;x=y\r\nWiki\r\n5\r\npedia\r\n0\r\nX-Sum: 1\r\n\r\n",
        )
        assert b'"body":"Wikipedia"' in answer

    def test_pipelined_requests_are_answered_in_order(self, resident: Resident) -> None:
        answer = talk(
            resident.port,
            b"GET /slow?ms=20 HTTP/1.1\r\nHost: a\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n" * 3
            + b"GET /health HTTP/1.0\r\n\r\n",
        )
        assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"404"] * 3 + [b"200"]
        assert answer.endswith(b"Connection: close\r\n\r\nok")

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"nonsense\r\n\r\n", 400),
            (b"GET /health HTTP/1.1\r\n\r\n", 400),
            (b"GET /health HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            (b"GET /health HTTP/1.1\r\nHost: a\r\nbad header: x\r\n\r\n", 400),
            (b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", 431),
            (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
            (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n", 413),
            (b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
            (b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ],
    )
    def test_what_is_no_request_is_refused(self, resident: Resident, sent: bytes, status: int) -> None:
        # Half-closed after sending: the server closes when it has read the rest away.
        with socket.create_connection(("127.0.0.1", resident.port), timeout=10) as raw:
            raw.sendall(sent)
            raw.shutdown(socket.SHUT_WR)
            assert raw.recv(65536).split(b" ")[1] == str(status).encode()

    @pytest.mark.parametrize("size", ["-1", "x", "1.5", "104857601", ""])
    def test_a_wrong_size_is_refused(self, client: Client, size: str) -> None:
        assert client.get(f"/static?bytes={size}")[0] == 400

    def test_requests_that_wait_do_not_hold_up_others(self, resident: Resident) -> None:
        def slow(_: int) -> int:
            with resident.connect() as client:
                return client.get("/slow?ms=200")[0]

        started = time.monotonic()
        with ThreadPoolExecutor(20) as pool:
            assert set(pool.map(slow, range(20))) == {200}
        assert time.monotonic() - started < 1.0


class TestProcesses:
    def test_connections_are_shared_out_evenly(self) -> None:
        with Resident(WORKERS=2) as server, ExitStack() as stack:
            clients = [stack.enter_context(server.connect()) for _ in range(8)]
            share = Counter(client.pid() for client in clients)
        assert len(share) == 2
        assert min(share.values()) >= 2

    def test_workers_are_recycled_and_no_request_is_lost(self) -> None:
        with Resident(WORKERS=2, MAX_REQUEST=50) as server:

            def visit(_: int) -> list[int]:
                with server.connect() as client:
                    return [client.pid() for _ in range(125)]

            with ThreadPoolExecutor(4) as pool:
                pids = [pid for visited in pool.map(visit, range(4)) for pid in visited]
        assert len(pids) == 500
        assert len(set(pids)) >= 5
        assert max(Counter(pids).values()) <= 50 + 25 + 4

    @pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
    def test_a_stop_waits_for_what_is_in_flight(self, stop: signal.Signals) -> None:
        with Resident() as server, ThreadPoolExecutor(1) as pool, server.connect() as idle, server.connect() as client:
            idle.get("/health")
            in_flight = pool.submit(client.get, "/slow?ms=400")
            time.sleep(0.1)
            server.process.send_signal(stop)
            assert in_flight.result() == (200, b"ok\n")
            assert server.process.wait(timeout=5) == 0

    def test_a_stop_does_not_wait_for_ever(self) -> None:
        def ask(client: Client) -> None:
            with suppress(OSError):
                client.get("/slow?ms=9000")

        with Resident(STOP_TIMEOUT=0) as server, server.connect() as client:
            threading.Thread(target=ask, args=[client], daemon=True).start()
            time.sleep(0.1)
            started = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - started < 3

    def test_a_reload_replaces_every_process(self) -> None:
        with Resident(WORKERS=2) as server:
            before = server.children()
            server.process.send_signal(signal.SIGHUP)
            assert wait_until(lambda: len(server.children()) == 3 and not set(before) & set(server.children()))
            with server.connect() as client:
                assert client.get("/health")[0] == 200

    def test_a_crashed_worker_is_replaced(self) -> None:
        with Resident() as server, server.connect() as client:
            before = client.pid()
            with pytest.raises(OSError):  # noqa: PT011
                client.get("/crash")
            client.connection.close()
            assert client.pid() != before

    def test_no_process_survives_a_killed_master(self) -> None:
        with Resident(WORKERS=2) as server:
            children = server.children()
            assert len(children) == 3
            os.kill(server.process.pid, signal.SIGKILL)
            assert wait_until(lambda: all(gone(pid) for pid in children), seconds=1.0)

    def test_a_wrong_setting_is_named(self) -> None:
        with pytest.raises(RuntimeError, match="WORKERS=none: an integer"):
            Resident(WORKERS="none")

    def test_a_port_in_use_is_named(self, resident: Resident) -> None:
        with pytest.raises(RuntimeError, match="cannot listen on"):
            Resident(PORT=resident.port)
