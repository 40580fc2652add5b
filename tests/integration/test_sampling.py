"""Sampling real PHP processes of this machine: all of them found, settled, and none missed or made up."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.errors import SampleError
from harness.model.samples import ProcessReading
from harness.model.target import TargetHandle
from harness.sample.opening import open_sampler
from harness.sample.processes import ProcessTable
from harness.sample.sampler import Reading, Sampler
from tests.integration.resident import Resident, wait_until

WORKERS = 2
PAGES = 32 << 10


@pytest.fixture
def app() -> Iterator[Resident]:
    with Resident(WORKERS=WORKERS, TASK_WORKERS=1) as running:
        assert wait_until(lambda: len(running.children()) == WORKERS + 1)
        yield running


@pytest.fixture
def sampler(app: Resident) -> Iterator[Sampler]:
    with sampling(app.process.pid) as opened:
        yield opened


def sampling(pid: int, *, heap: bool = True) -> Sampler:
    return open_sampler(
        TargetHandle(kind="command", base_url="http://127.0.0.1", root_pid=pid), heap=heap, client=None, labels={}
    )


def worker(reading: Reading, number: int = 0) -> ProcessReading:
    return next(process for process in reading.processes if process.name == f"resident: worker {number}")


def heap_sum(reading: Reading) -> int:
    return sum(process.php.heap_bytes for process in reading.processes if process.php)


def test_every_process_is_read_and_agrees_with_psutil(app: Resident, sampler: Sampler) -> None:
    assert sampler.settle(2.0)
    reading = sampler.read()
    assert [process.name for process in reading.processes] == [
        "resident: master",
        "resident: worker 0",
        "resident: worker 1",
        "resident: task 0",
    ]
    assert (reading.cgroup, reading.oom_kills) == (None, None)
    assert sampler.channels == ("php_heap", "private_dirty", "rss")
    assert wait_until(lambda: all(agrees_with_psutil(process) for process in sampler.read().processes))


def agrees_with_psutil(process: ProcessReading) -> bool:
    """psutil looks a moment later, and what forked processes share may have changed meanwhile."""
    there = psutil.Process(process.pid)
    memory = there.memory_full_info()
    return (
        process.rss_bytes == pytest.approx(memory.rss, abs=PAGES)
        and process.pss_bytes == pytest.approx(memory.pss, abs=PAGES)
        and 0 < (process.private_dirty_bytes or 0) <= memory.uss + PAGES
        and process.open_fds == there.num_fds()
        and process.started_s == pytest.approx(there.create_time() - psutil.boot_time(), abs=1.1)
    )


def test_what_a_request_leaks_is_in_the_next_settled_sample(app: Resident, sampler: Sampler) -> None:
    with app.connect() as client:
        client.get("/static?bytes=4096")
        sampler.settle(2.0)
        before = heap_sum(sampler.read())
        for _ in range(3):
            client.get("/static?bytes=4096")
        assert sampler.settle(2.0)
        after = heap_sum(sampler.read())
    assert 3 * 4096 <= after - before <= 3 * 4096 + 20_000


def test_a_task_worker_s_leak_is_seen_though_another_process_answered(app: Resident, sampler: Sampler) -> None:
    with app.connect() as client:
        client.get("/elsewhere?bytes=50000")
        sampler.settle(2.0)
        before = {process.name: process.php for process in sampler.read().processes}
        client.get("/elsewhere?bytes=50000")
        sampler.settle(2.0)
        after = {process.name: process.php for process in sampler.read().processes}
    task_before, task_after = before["resident: task 0"], after["resident: task 0"]
    assert task_before is not None
    assert task_after is not None
    assert task_after.heap_bytes - task_before.heap_bytes >= 50_000


def test_a_recycled_worker_is_another_process_of_the_same_name() -> None:
    with Resident(WORKERS=1, TASK_WORKERS=0, MAX_REQUEST=3) as app, sampling(app.process.pid) as sampler:
        before = worker(sampler.read())
        for _ in range(4):
            with app.connect() as client:
                client.get("/clean")
        assert wait_until(lambda: before.pid not in {process.pid for process in sampler.read().processes})
        assert wait_until(lambda: "resident: worker 0" in {process.name for process in sampler.read().processes})
        sampler.settle(2.0)
        reading = sampler.read()
        after = worker(reading)
        assert after.started_s is not None
        assert before.started_s is not None
        assert after.started_s > before.started_s
        assert after.key != before.key
        assert before.pid not in {process.pid for process in reading.processes}
        assert after.php is not None


def test_a_crashed_worker_is_left_out_and_nothing_else_is_lost(app: Resident, sampler: Sampler) -> None:
    before = {process.key for process in sampler.read().processes}
    with app.connect() as client, pytest.raises(ConnectionError):
        client.get("/crash")
    assert wait_until(lambda: len({process.key for process in sampler.read().processes} - before) == 1)
    after = sampler.read().processes
    assert len(after) == len(before)


def test_a_process_that_dies_between_listing_and_reading_is_left_out() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    table = ProcessTable(os.getpid())
    pids = table.pids()
    assert child.pid in pids
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert child.pid not in {process.pid for process in table.read(pids)}, "a zombie holds nothing"
    child.wait()
    assert child.pid not in {process.pid for process in table.read(pids)}


def test_a_daemon_that_left_the_tree_and_the_session_is_still_followed(tmp_path: Path) -> None:
    """The child's child gets a session of its own and loses its parent."""
    inner = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    middle = (
        "import subprocess, sys, time;"
        "subprocess.Popen([sys.executable, '-c', sys.argv[2], sys.argv[1]], start_new_session=True); time.sleep(1)"
    )
    program = (
        "import subprocess, sys, time;"
        f"subprocess.Popen([sys.executable, '-c', {middle!r}, sys.argv[1], {inner!r}]); time.sleep(60)"
    )
    root = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "pid")], start_new_session=True)
    daemon = 0
    try:
        table = ProcessTable(root.pid)
        assert wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        daemon = int((tmp_path / "pid").read_text())
        table.read(table.pids())
        assert wait_until(lambda: psutil.Process(daemon).ppid() not in table.pids())
        assert daemon in table.pids()
    finally:
        root.kill()
        root.wait()
        if daemon:
            os.kill(daemon, 9)


def test_a_session_s_orphan_is_found_though_it_was_never_a_descendant_when_looked_at(tmp_path: Path) -> None:
    program = "import os, sys, time\nif os.fork(): os._exit(0)\nprint(os.getpid(), flush=True); time.sleep(60)"
    shell = subprocess.Popen(
        ["sh", "-c", f"{sys.executable} -c '{program}'; sleep 60"],
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shell.stdout is not None
    orphan = int(shell.stdout.readline())
    try:
        assert wait_until(lambda: psutil.Process(orphan).ppid() != shell.pid)
        table = ProcessTable(shell.pid)
        assert orphan in table.pids()
        assert orphan in table.pids(), "and not only at the first look"
    finally:
        os.killpg(shell.pid, 9)
        shell.wait()
        shell.stdout.close()


def test_private_memory_is_read_again_only_after_a_fault_and_not_too_often() -> None:
    """Beside a cgroup it is a second opinion, so reading it is also limited to a share of a core."""
    program = "echo 1; while (fgets(STDIN)) { $kept[] = str_repeat('x', 3_000_000); echo 1; }"
    php = subprocess.Popen(["php", "-n", "-r", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    assert php.stdin is not None
    assert php.stdout is not None
    with php:
        php.stdout.read(1)
        assert wait_until(lambda: psutil.Process(php.pid).status() == psutil.STATUS_SLEEPING)
        table = ProcessTable(php.pid)
        (first,) = table.read([php.pid])
        assert first.private_dirty_bytes is not None
        assert table.read([php.pid]) == (first,), "no fault: what was read before still holds"
        php.stdin.write(b"\n")
        php.stdout.read(1)
        assert wait_until(lambda: psutil.Process(php.pid).status() == psutil.STATUS_SLEEPING)
        (hurried,) = table.read([php.pid])
        assert (hurried.private_dirty_bytes, hurried.pss_bytes) == (None, None)
        assert hurried.rss_bytes is not None
        assert wait_until(lambda: table.read([php.pid])[0].private_dirty_bytes is not None)
        (later,) = table.read([php.pid])
        assert later.private_dirty_bytes is not None
        assert later.private_dirty_bytes - first.private_dirty_bytes == pytest.approx(3_000_000, abs=200_000)
        php.stdin.close()


def test_a_target_that_never_rests_does_not_settle() -> None:
    program = """
        $end = hrtime(true) + 20e9;
        for ($kept = []; hrtime(true) < $end; $kept = count($kept) > 2000 ? [] : $kept) {
            $kept[] = str_repeat('x', 1000);
        }
    """
    busy = subprocess.Popen(["php", "-n", "-r", program])
    try:
        assert wait_until(lambda: bool(sampling_heap(busy.pid)))
        with sampling(busy.pid) as sampler:
            began_s = time.monotonic()
            assert not sampler.settle(0.2)
            assert time.monotonic() - began_s >= 0.2
    finally:
        busy.kill()
        busy.wait()


def test_a_process_that_runs_without_end_but_keeps_nothing_settles() -> None:
    busy = subprocess.Popen(["php", "-n", "-r", "$end = hrtime(true) + 20e9; while (hrtime(true) < $end);"])
    try:
        assert wait_until(lambda: bool(sampling_heap(busy.pid)))
        with sampling(busy.pid) as sampler:
            assert sampler.settle(1.0)
    finally:
        busy.kill()
        busy.wait()


def sampling_heap(pid: int) -> dict[int, int]:
    with sampling(pid) as sampler:
        return sampler.heap_bytes()


def test_without_php_the_other_channels_go_on_and_the_note_says_so() -> None:
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        with sampling(sleeper.pid) as sampler:
            assert sampler.settle(1.0)
            assert sampler.channels == ("private_dirty", "rss")
            assert sampler.heap_bytes() == {}
            assert any("processes runs PHP" in note for note in sampler.notes)
            assert any("no cgroup of its own" in note for note in sampler.notes)
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_scenario_can_do_without_the_heap(app: Resident) -> None:
    with sampling(app.process.pid, heap=False) as sampler:
        assert sampler.settle(1.0)
        assert all(process.php is None for process in sampler.read().processes)
        assert "the PHP heaps are not read: sampling.heap is false" in sampler.notes


def test_a_target_that_is_gone_is_an_error_that_says_so() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with pytest.raises(SampleError, match="nothing of the target's memory can be read"):
        sampling(ended.pid)


def test_somebody_else_s_processes_tell_less_and_say_why(app: Resident) -> None:
    """As the user nobody, who may see root's processes but neither their memory nor their files."""
    program = f"""
import os
from harness.model.target import TargetHandle
from harness.sample.opening import open_sampler
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
handle = TargetHandle(kind="attached", base_url="", root_pid={app.process.pid})
with open_sampler(handle, heap=True, client=None, labels={{}}) as sampler:
    print(sampler.channels, len(sampler.read().processes), sampler.notes)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("('rss',) 4 "), done.stderr
    assert "no right to read the memory" in done.stdout
    assert "CAP_SYS_PTRACE" in done.stdout
