"""Local processes as the target: the resident PHP app, and small servers that behave badly. Linux only."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import InputError, TargetError
from harness.model.target import CommandSpec, ReadyCheck
from harness.target import RunLabels, RunningTarget, collect_garbage, start_target
from harness.target import process as process_module
from harness.target.labels import start_ticks

ROOT = Path(__file__).parents[2]
RUN = RunLabels("process-test", "resident")
READY = ReadyCheck(path="/health", timeout_s=20)

SERVER = """
    import http.server, os
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200); self.end_headers(); self.wfile.write(str(os.getpid()).encode())
        def log_message(self, *_): pass
    http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
FORKED_AWAY = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(300)\n"


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Workspaces of these tests only, so that garbage of others is neither seen nor touched."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def python(code: str, **values: object) -> CommandSpec:
    command = (sys.executable, "-c", textwrap.dedent(code))
    return CommandSpec(**({"command": command, "cwd": ROOT, "port": 0, "ready": ReadyCheck(timeout_s=20)} | values))


def resident(**values: object) -> CommandSpec:
    command = ("php", "compose/resident/server.php")
    spec = {"command": command, "cwd": ROOT, "port": 0, "ready": READY, "environment": {"WORKERS": "2"}}
    return CommandSpec(**(spec | values))


def fetch(target: RunningTarget, path: str = "/") -> str:
    with urllib.request.urlopen(target.handle.base_url + path, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


Alive = Callable[[], set[int]]


@pytest.fixture
def alive(tmp_path: Path) -> Alive:
    """Pids of the living processes that write to a log of this test: what a target forked still does."""

    def find() -> set[int]:
        found = set()
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "fd/1").readlink().is_relative_to(tmp_path):
                    found.add(int(entry.name))
            except OSError:
                continue
        return {pid for pid in found if start_ticks(pid) is not None}

    return find


def eventually(true: Callable[[], bool], within_s: float = 15) -> bool:
    deadline_s = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture(autouse=True)
def nothing_is_left(temporary_files: Path, alive: Alive) -> Iterator[None]:
    yield
    assert eventually(lambda: not alive(), within_s=3), f"still running: {alive()}"
    assert list(temporary_files.glob("hyperleak-*")) == []


def test_the_resident_app_runs_answers_and_is_gone_after_close(alive: Alive, tmp_path: Path) -> None:
    with start_target(resident(), RUN, log_dir=tmp_path) as target:
        fetch(target, "/health")
        assert target.handle.kind == "command"
        assert target.handle.base_url.startswith("http://127.0.0.1:")
        assert target.handle.root_pid is not None
        assert Path(f"/proc/{target.handle.root_pid}/comm").read_text().strip() == "php"
        assert target.state().running
        assert "resident:" in target.logs_tail()
        assert len(alive()) >= 3
    assert not alive()
    assert "resident:" in (tmp_path / "target.log").read_text()
    assert target.state().running is False


def test_what_is_needed_to_repeat_the_run_is_recorded_but_no_environment() -> None:
    with start_target(resident(environment={"SECRET": "hunter2"}), RUN) as target:
        facts = target.handle.environment
    assert facts["command"] == ["php", "compose/resident/server.php"]
    assert facts["cwd"] == str(ROOT)
    assert Path(facts["program"]).is_file()
    assert {"kernel", "host_cpus", "host_memory_bytes", "ready_after_s"} <= set(facts)
    assert "hunter2" not in json.dumps(facts)


def test_environment_and_port_reach_the_command() -> None:
    show = "import os\nprint(os.environ['A'], flush=True)\n" + textwrap.dedent(SERVER.replace("PORT", "LISTEN"))
    spec = python("", command=(sys.executable, "-c", show), environment={"A": "$b c"}, port_variable="LISTEN")
    with start_target(spec, RUN) as target:
        assert target.logs_tail() == "$b c"


def test_what_the_command_puts_among_the_temporary_files_goes_with_it(temporary_files: Path) -> None:
    with start_target(resident(), RUN) as target:
        fetch(target, "/log")
        assert len(list(temporary_files.rglob("hyperleak.log"))) == 1
    assert list(temporary_files.iterdir()) == []


def test_a_fixed_port_is_used_as_it_is() -> None:
    port = process_module.free_port()
    with start_target(python(SERVER, port=port), RUN) as target:
        assert target.handle.base_url == f"http://127.0.0.1:{port}"


def test_a_port_that_is_taken_is_never_measured_by_mistake() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(TargetError, match=f"port {port} is taken"):
            start_target(python(SERVER, port=port), RUN)


def test_closing_twice_is_fine() -> None:
    target = start_target(python(SERVER), RUN)
    target.close()
    target.close()


def test_a_command_that_dies_at_start_is_told_with_its_log() -> None:
    began_s = time.monotonic()
    with pytest.raises(TargetError) as caught:
        start_target(python("raise SystemExit('no database')"), RUN)
    assert "exited with 1" in caught.value.message
    assert "| no database" in caught.value.message
    assert time.monotonic() - began_s < 10


def test_a_command_that_goes_into_the_background_is_told_to_stay() -> None:
    with pytest.raises(TargetError, match="foreground"):
        start_target(python(FORKED_AWAY), RUN)


def test_a_failing_ready_check_ends_the_command() -> None:
    with pytest.raises(TargetError, match="GET /health should answer 204, but the answer was 200"):
        start_target(python(SERVER, ready=ReadyCheck(path="/health", status=204, timeout_s=1)), RUN)


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"memory_limit_bytes": 1 << 26}, InputError, "memory_limit and cpus"),
        ({"cpus": 1.0}, InputError, "memory_limit and cpus"),
        ({"cwd": Path("/no/such")}, InputError, "not a folder: /no/such"),
        ({"command": ()}, InputError, "command is empty"),
        ({"command": ("no-such-program",)}, TargetError, "no-such-program.*No such file"),
        ({"command": ("/etc/passwd",)}, TargetError, "Permission denied"),
    ],
)
def test_what_cant_be_started_is_said(values: dict[str, object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        start_target(python(SERVER, **values), RUN)


def test_a_crash_is_a_state_and_not_an_error() -> None:
    with start_target(python(SERVER), RUN) as target:
        assert target.handle.root_pid is not None
        os.kill(target.handle.root_pid, signal.SIGSEGV)
        assert eventually(lambda: not target.state().running)
        assert target.state().exit_code == 128 + signal.SIGSEGV


def test_workers_whose_master_was_killed_are_ended_by_close() -> None:
    with start_target(resident(), RUN) as target:
        assert target.handle.root_pid is not None
        os.kill(target.handle.root_pid, signal.SIGKILL)
        assert eventually(lambda: not target.state().running)
        assert target.state().exit_code == 137


def test_a_worker_in_a_session_of_its_own_that_ignores_sigterm_is_ended_by_close(alive: Alive) -> None:
    stubborn = (
        "import os, signal, time\n"
        "if os.fork() == 0:\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN); os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(300)\n"
        "    os._exit(0)\n"
    )
    with start_target(python(stubborn + textwrap.dedent(SERVER)), RUN):
        assert eventually(lambda: len(alive()) >= 2)
    assert not alive()


def test_an_interrupt_while_it_starts_ends_what_was_begun(alive: Alive, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> float:
        assert alive()
        raise KeyboardInterrupt

    monkeypatch.setattr(process_module, "wait_until_ready", interrupt)
    with pytest.raises(KeyboardInterrupt):
        start_target(python("import time; time.sleep(300)"), RUN)
    assert not alive()


HARNESS = """
    import sys, time
    from pathlib import Path
    from harness.model.target import CommandSpec, ReadyCheck
    from harness.target import RunLabels, start_target
    spec = CommandSpec.model_validate_json(sys.argv[1])
    target = start_target(spec, RunLabels(sys.argv[2], "s"))
    print(target.handle.root_pid, flush=True)
    time.sleep(300)
"""


def start_harness(spec: CommandSpec, run_id: str = RUN.run_id) -> tuple[subprocess.Popen[str], int]:
    """A process that runs the target as a harness does, and the pid of the target."""
    command = [sys.executable, "-c", textwrap.dedent(HARNESS), spec.model_dump_json(), run_id]
    harness = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert harness.stdout is not None
    return harness, int(harness.stdout.readline())


def kill(harness: subprocess.Popen[str]) -> None:
    harness.kill()
    harness.communicate(timeout=10)


def supervisor_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_kill_9_of_the_harness_ends_master_and_workers(alive: Alive) -> None:
    harness, _ = start_harness(resident())
    try:
        assert len(alive()) >= 3
    finally:
        kill(harness)
    assert eventually(lambda: not alive())
    (folder,) = collect_garbage(dry_run=False)
    assert (folder.kind, folder.removed) == ("folder", True)


def test_kill_9_of_harness_and_supervisor_leaves_orphans_that_gc_finds(alive: Alive) -> None:
    forking = "import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(300)\n"
    harness, root_pid = start_harness(python(forking + textwrap.dedent(SERVER)))
    os.kill(supervisor_of(root_pid), signal.SIGKILL)
    kill(harness)
    assert eventually(lambda: len(alive()) == 1), "the master dies with its supervisor"
    (orphan,) = alive()
    (seen,) = [left for left in collect_garbage(dry_run=True) if left.kind == "process"]
    assert seen.name.startswith(f"{orphan} ")
    assert not seen.removed
    assert alive() == {orphan}
    found = collect_garbage(dry_run=False)
    assert {left.kind for left in found if left.removed} == {"process", "folder"}
    assert not alive()


def test_gc_finds_an_orphan_that_overwrote_its_environment_by_its_log(alive: Alive) -> None:
    hidden = "import os\nif os.fork() == 0:\n    os.execve('/bin/sleep', ['sleep', '311'], {})\n"
    harness, root_pid = start_harness(python(hidden + textwrap.dedent(SERVER)))
    os.kill(supervisor_of(root_pid), signal.SIGKILL)
    kill(harness)
    assert eventually(lambda: len(alive()) == 1), "the master dies with its supervisor"
    (orphan,) = [left for left in collect_garbage(dry_run=False) if left.kind == "process"]
    assert "(sleep)" in orphan.name
    assert orphan.removed


def test_gc_leaves_a_living_run_alone() -> None:
    with start_target(resident(), RUN) as target:
        assert [left for left in collect_garbage(dry_run=False) if left.run_id == RUN.run_id] == []
        assert target.state().running
        fetch(target, "/health")
