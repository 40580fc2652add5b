"""Windows of load by real Locust processes against a server that counts what it received."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest

from harness.errors import InputError, LoadError
from harness.load.generator import LocustGenerator, remote_worker_command, start_generator
from harness.model.load import Endpoint, LoadSpec, Login, Request, WindowOrder, WindowResult
from tests.integration.counting_server import CountingServer

LeftBehind = Callable[[], set[int]]

ROOT = Path(__file__).parents[2]
USERS = 6
BODY = {"id": "{{ sequence() }}", "name": "{{ random_string(5) }}", "fixed": [1, None, "ä"]}
ENDPOINTS = (
    Endpoint(name="ok", request=Request(path="/ok")),
    Endpoint(name="missing", request=Request(path="/status/404"), expect=(404,)),
    Endpoint(name="broken", request=Request(path="/status/500")),
    Endpoint(name="redirect", request=Request(path="/status/302")),
    Endpoint(name="late", request=Request(path="/late")),
    Endpoint(name="slow", request=Request(path="/slow")),
    Endpoint(name="drop", request=Request(path="/drop")),
    Endpoint(name="half", request=Request(path="/half")),
    Endpoint(name="big", request=Request(path="/big")),
    Endpoint(name="json", request=Request(method="POST", path="/json", json_body=BODY)),
    Endpoint(name="form", request=Request(method="PUT", path="/form", form={"a": "1 2", "b": None})),
    Endpoint(
        name="rows",
        request=Request(
            path="/rows/{{ id }}", params={"q": "{{ random_int(1, 1000000) }}"}, headers={"X-Row": "{{ id }}"}
        ),
        values=({"id": 1}, {"id": 2}),
    ),
)  # fmt: skip
NAMES = [endpoint.name for endpoint in ENDPOINTS]


@pytest.fixture(scope="module")
def app() -> Iterator[CountingServer]:
    with CountingServer() as server:
        yield server


@pytest.fixture(scope="module")
def windows(app: CountingServer) -> Iterator[Windows]:
    spec = LoadSpec(base_url=app.url, endpoints=ENDPOINTS, users=USERS, request_timeout_s=0.5, seed=7)
    with start_generator(spec) as generator:
        yield Windows(generator)


@pytest.fixture(autouse=True)
def _forget(app: CountingServer) -> None:
    app.take()


@pytest.fixture
def left_behind(windows: Windows) -> LeftBehind:
    """Processes that this test started and that are still there, even as zombies."""
    before = {child.pid for child in psutil.Process().children()}
    return lambda: {child.pid for child in psutil.Process().children()} - before


class Windows:
    """Runs windows of named endpoints, with a new index each."""

    def __init__(self, generator: LocustGenerator) -> None:
        self.generator = generator
        self.ran = 0

    def run(self, *, rate: float = 0.0, **counts: int) -> WindowResult:
        order = WindowOrder(index=self.ran, counts=tuple(counts.get(name, 0) for name in NAMES), rate=rate)
        self.ran += 1
        return self.generator.run_window(order, timeout_s=20)


def outcomes(result: WindowResult) -> dict[str, dict[str, int]]:
    return {name: found for name, found in zip(NAMES, result.outcomes, strict=True) if found}


def failures(result: WindowResult) -> dict[str, int]:
    return {name: count for name, count in zip(NAMES, result.failures, strict=True) if count}


def simple_spec(url: str, **more: object) -> LoadSpec:
    return LoadSpec.model_validate({"base_url": url, "endpoints": ENDPOINTS[:2], "users": USERS, **more})


def test_every_request_of_an_order_is_received_once_and_counted_once(app: CountingServer, windows: Windows) -> None:
    for _ in range(3):
        result = windows.run(ok=300, missing=120, big=20)
        assert outcomes(result) == {"ok": {"200": 300}, "missing": {"404": 120}, "big": {"200": 20}}
        assert failures(result) == {}
        assert app.take_paths() == {"/ok": 300, "/status/404": 120, "/big": 20}


def test_nothing_is_in_flight_after_a_window_and_no_more_than_the_users_within(
    app: CountingServer, windows: Windows
) -> None:
    for _ in range(3):
        app.most_in_flight = 0
        windows.run(late=2 * USERS + 1)
        assert (app.in_flight, app.most_in_flight) == (0, USERS)


def test_failures_of_every_kind_are_counted_apart_and_never_sent_again(app: CountingServer, windows: Windows) -> None:
    result = windows.run(ok=20, broken=5, redirect=4, slow=3, drop=7, half=2)
    assert outcomes(result) == {
        "ok": {"200": 20},
        "broken": {"500": 5},
        "redirect": {"302": 4},
        "slow": {"timeout": 3},
        "drop": {"connection": 7},
        "half": {"connection": 2},
    }
    assert failures(result) == {"broken": 5, "slow": 3, "drop": 7, "half": 2}
    assert app.take_paths() == {
        "/ok": 20,
        "/status/500": 5,
        "/status/302": 4,
        "/slow": 3,
        "/drop": 7,
        "/half": 2,
    }


def test_an_idle_window_sends_nothing(app: CountingServer, windows: Windows) -> None:
    result = windows.run()
    assert (outcomes(result), result.load_s, result.latency_p50_s) == ({}, 0.0, None)
    assert app.take() == []


def test_connections_stay_open_between_windows(app: CountingServer, windows: Windows) -> None:
    windows.run(ok=100)
    before = app.connections
    windows.run(ok=100)
    assert app.connections == before


def test_the_rate_is_kept(app: CountingServer, windows: Windows) -> None:
    result = windows.run(ok=200, rate=200)
    assert result.offered_s == 1.0
    assert 200 / result.load_s == pytest.approx(200, rel=0.05)
    assert result.latency_p50_s is not None
    assert result.latency_p99_s is not None
    assert result.latency_p50_s <= result.latency_p99_s < 0.5


def test_a_rate_that_cannot_be_kept_is_seen(windows: Windows) -> None:
    result = windows.run(slow=3 * USERS, rate=1000)
    assert result.load_s > 3 * 0.5 > 10 * result.offered_s


def test_bodies_headers_params_and_rows_arrive_as_asked_for(app: CountingServer, windows: Windows) -> None:
    windows.run(json=4, form=2, rows=4)
    received = app.take()
    bodies = [json.loads(each.body) for each in received if each.path == "/json"]
    assert sorted(body["id"] for body in bodies) == ["1", "2", "3", "4"]
    assert all(len(body["name"]) == 5 and body["fixed"] == [1, None, "ä"] for body in bodies)
    forms = [each for each in received if each.path == "/form"]
    assert {(each.method, each.body, each.headers["Content-Type"]) for each in forms} == {
        ("PUT", b"a=1+2&b=", "application/x-www-form-urlencoded")
    }
    rows = [each for each in received if each.path.startswith("/rows")]
    assert sorted(each.path + each.headers["X-Row"] for each in rows) == ["/rows/11"] * 2 + ["/rows/22"] * 2
    assert len({parse_qs(urlsplit(each.target).query)["q"][0] for each in rows}) == 4


def test_a_sequence_goes_on_in_the_next_window(app: CountingServer, windows: Windows) -> None:
    windows.run(json=3)
    windows.run(json=3)
    numbers = [int(json.loads(each.body)["id"]) for each in app.take()]
    assert sorted(numbers) == list(range(min(numbers), min(numbers) + 6))


def test_a_login_goes_before_the_first_window_and_its_token_with_every_request(app: CountingServer) -> None:
    login = Login(
        request=Request(method="POST", path="/login", json_body={"user": "u{{ sequence() }}", "password": "right"}),
        token="data.token",
        headers={"Authorization": "Bearer {{ token }}"},
    )
    with start_generator(simple_spec(app.url, login=login)) as generator:
        logins = app.take()
        assert sorted(json.loads(each.body)["user"] for each in logins) == [f"u{n}" for n in range(1, USERS + 1)]
        result = generator.run_window(WindowOrder(index=0, counts=(30, 0)), timeout_s=10)
        assert result.requests == (30, 0)
    assert {(each.headers["Authorization"], each.headers["Cookie"]) for each in app.take()} == {
        ("Bearer t0ken", "session=s1")
    }


def test_a_refused_login_says_why(app: CountingServer, left_behind: LeftBehind, tmp_path: Path) -> None:
    body = {"user": "u", "password": "wr0ng"}
    login = Login(request=Request(method="POST", path="/login", json_body=body), token="data.token", headers={})
    with pytest.raises(LoadError, match="login POST /login answered 403: who are you") as raised:
        start_generator(simple_spec(app.url, login=login), log_dir=tmp_path)
    assert left_behind() == set()
    logs = "".join(log.read_text() for log in tmp_path.iterdir())
    assert "wr0ng" not in str(raised.value) + logs


def test_a_mistake_in_a_template_is_found_before_anything_starts(app: CountingServer) -> None:
    endpoint = Endpoint(name="e", request=Request(path="/{{ nothing }}"))
    with pytest.raises(InputError, match="endpoint 'e': the template in path fails"):
        start_generator(simple_spec(app.url, endpoints=(endpoint,)))


def test_the_seed_repeats_order_and_requests(app: CountingServer) -> None:
    endpoints = (ENDPOINTS[0], Endpoint(name="drawn", request=Request(path="/drawn/{{ uuid() }}")))

    def sent() -> list[str]:
        with start_generator(simple_spec(app.url, endpoints=endpoints, users=1, seed=5)) as generator:
            generator.run_window(WindowOrder(index=5, counts=(20, 20)), timeout_s=10)
        return [each.target for each in app.take()]

    first = sent()
    assert len(set(first)) == 21
    assert first == sent()


def test_three_workers_add_up_exactly(app: CountingServer, left_behind: LeftBehind) -> None:
    endpoints = (*ENDPOINTS[:2], ENDPOINTS[NAMES.index("json")])
    with start_generator(simple_spec(app.url, endpoints=endpoints, users=7, workers=3)) as generator:
        assert len(generator.pids) == 4
        for index in range(3):
            result = generator.run_window(WindowOrder(index=index, counts=(301, 100, 50)), timeout_s=20)
            assert result.outcomes == ({"200": 301}, {"404": 100}, {"200": 50})
            received = app.take()
            assert len(received) == 451
            numbers = [int(json.loads(each.body)["id"]) for each in received if each.path == "/json"]
            assert sorted(numbers) == list(range(50 * index + 1, 50 * index + 51))
        paced = generator.run_window(WindowOrder(index=3, counts=(200, 0, 0), rate=200), timeout_s=20)
        assert 200 / paced.load_s == pytest.approx(200, rel=0.05)
    assert left_behind() == set()


def test_a_remote_worker_takes_its_share_and_leaves_with_the_run(app: CountingServer) -> None:
    spec = simple_spec(app.url, remote_workers=1, bind_port=free_port())
    with remote_worker(spec) as remote:
        with start_generator(spec) as generator:
            result = generator.run_window(WindowOrder(index=0, counts=(200, 31)), timeout_s=20)
            assert result.outcomes == ({"200": 200}, {"404": 31})
            assert app.take_paths() == {"/ok": 200, "/status/404": 31}
        assert remote.wait(timeout=5) == 0


def test_a_missing_remote_worker_is_asked_for_with_the_command(app: CountingServer, left_behind: LeftBehind) -> None:
    spec = simple_spec(app.url, remote_workers=1, bind_port=free_port())
    with pytest.raises(LoadError, match="of 2 load workers came in time") as raised:
        start_generator(spec, start_timeout_s=4)
    assert f"python -m harness.load.worker 127.0.0.1:{spec.bind_port}" in raised.value.hint
    assert left_behind() == set()


def test_a_busy_port_is_said_to_be_busy(app: CountingServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        spec = simple_spec(app.url, remote_workers=1, bind_port=taken.getsockname()[1])
        with pytest.raises(LoadError, match="it is in use") as raised:
            start_generator(spec)
    assert raised.value.hint == "choose another bind_port"


def test_a_worker_killed_in_a_window_ends_the_run(app: CountingServer, left_behind: LeftBehind) -> None:
    generator = start_generator(simple_spec(app.url, workers=2))
    with generator:
        killed = threading.Timer(0.5, os.kill, (generator.pids[2], signal.SIGKILL))
        killed.start()
        with pytest.raises(LoadError, match=r"process worker-2 \(pid \d+\) was killed by SIGKILL"):
            generator.run_window(WindowOrder(index=0, counts=(400, 0), rate=200), timeout_s=20)
        killed.join()
        assert left_behind() == set()
        with pytest.raises(LoadError, match="closed"):
            generator.run_window(WindowOrder(index=1, counts=(1, 0)), timeout_s=5)


def test_a_window_that_takes_too_long_ends_the_load(app: CountingServer, left_behind: LeftBehind) -> None:
    with start_generator(simple_spec(app.url)) as generator:
        with pytest.raises(LoadError, match=r"window 0 \(500 requests\) did not end within 0.5 s"):
            generator.run_window(WindowOrder(index=0, counts=(500, 0), rate=100), timeout_s=0.5)
        assert left_behind() == set()
    time.sleep(0.2)
    app.take()
    time.sleep(0.2)
    assert app.take() == []


HARNESS = """
import sys
from harness.load.generator import start_generator
from harness.model.load import LoadSpec, WindowOrder
generator = start_generator(LoadSpec.model_validate_json(sys.argv[1]))
print(*generator.pids, flush=True)
generator.run_window(WindowOrder(index=0, counts=(4000, 0), rate=200), timeout_s=60)
"""


def test_killing_the_harness_leaves_no_locust(app: CountingServer) -> None:
    with ExitStack() as stack:
        harnesses = [stack.enter_context(harness_process(app.url, workers)) for workers in (1, 2)]
        pids = [[int(pid) for pid in printed(harness).split()] for harness in harnesses]
        assert [len(each) for each in pids] == [1, 3]
        time.sleep(0.3)
        for harness in harnesses:
            harness.kill()
    everyone = {pid for each in pids for pid in each}
    deadline = time.monotonic() + 2
    while any(map(is_running, everyone)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [pid for pid in everyone if is_running(pid)] == []


def test_an_interrupt_from_the_terminal_reaches_no_locust_process(windows: Windows) -> None:
    assert {os.getpgid(pid) for pid in windows.generator.pids}.isdisjoint({os.getpgid(0)})
    assert windows.run(ok=10).requests[0] == 10


def harness_process(url: str, workers: int) -> subprocess.Popen[str]:
    spec = simple_spec(url, workers=workers)
    command = [sys.executable, "-c", HARNESS, spec.model_dump_json()]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def printed(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def remote_worker(spec: LoadSpec) -> Iterator[subprocess.Popen[bytes]]:
    """Started as a person on another machine would start it."""
    python, *arguments = shlex.split(remote_worker_command(spec))
    assert python == "python"
    with subprocess.Popen([sys.executable, *arguments], cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()
