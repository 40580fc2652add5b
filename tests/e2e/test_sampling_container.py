"""Sampling real containers: every source tells the same, kills and recycled workers are seen, nothing is left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import docker
import pytest

from harness.errors import SampleError
from harness.model.samples import ProcessReading
from harness.model.target import TargetHandle
from harness.sample.cgroup import open_cgroup
from harness.sample.cgroup_engine import CgroupExec, CgroupStats
from harness.sample.cgroup_files import CgroupFiles, locate_cgroup
from harness.sample.charge import CgroupSource
from harness.sample.opening import open_sampler
from harness.target import RunLabels, owner_labels, start_target
from harness.target.protocol import RunningTarget
from tests.e2e.targets import image, status

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("resident_image")]

SHELL_BYTES = 512 << 10
WORKERS = {"WORKERS": "2", "TASK_WORKERS": "1"}


@pytest.fixture
def target(run: RunLabels, engine: docker.DockerClient) -> Iterator[RunningTarget]:
    spec = image(environment=WORKERS, memory_limit_bytes=128 << 20)
    with start_target(spec, run, client=engine) as running:
        assert eventually(lambda: len(seen(running.handle, engine)) == 4)
        yield running


def eventually(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True


def seen(handle: TargetHandle, engine: docker.DockerClient) -> list[ProcessReading]:
    with open_sampler(handle, heap=False, client=engine, labels={}) as sampler:
        return list(sampler.read().processes)


def heaps_of(processes: Iterable[ProcessReading]) -> list[int]:
    return sorted(process.php.heap_bytes for process in processes if process.php)


def remote(handle: TargetHandle) -> TargetHandle:
    """The same container as an engine on another machine would tell it."""
    return handle.model_copy(update={"root_pid": None})


def files_of(handle: TargetHandle) -> CgroupFiles:
    assert handle.root_pid is not None
    return CgroupFiles(locate_cgroup(handle.root_pid, str(handle.container_id)))


def test_every_source_tells_the_same_charge(target: RunningTarget, engine: docker.DockerClient) -> None:
    files = files_of(target.handle)
    shell = CgroupExec(engine, str(target.handle.container_id))
    stats = CgroupStats(engine, str(target.handle.container_id))
    sources: list[CgroupSource] = [files, shell, stats]
    first, *others = [source.read() for source in sources]
    assert first.anon_bytes > 1 << 20
    for other in others:
        assert other.anon_bytes == pytest.approx(first.anon_bytes, abs=SHELL_BYTES)
        assert other.file_bytes == pytest.approx(first.file_bytes, abs=SHELL_BYTES)
        assert other.inactive_file_bytes == pytest.approx(first.inactive_file_bytes, abs=SHELL_BYTES)
        assert other.usage_bytes == pytest.approx(first.usage_bytes, abs=4 * SHELL_BYTES)
    assert [source.oom_kills() for source in sources] == [0, 0, None]
    for source in sources:
        source.close()


def test_growth_is_the_same_from_inside_and_outside(target: RunningTarget, engine: docker.DockerClient) -> None:
    files, shell = files_of(target.handle), CgroupExec(engine, str(target.handle.container_id))
    before = files.read(), shell.read()
    for _ in range(20):
        assert status(target.handle.base_url + "/static?bytes=500000") == 200
    after = files.read(), shell.read()
    grown, grown_inside = (late.anon_bytes - early.anon_bytes for early, late in zip(before, after, strict=True))
    assert grown >= 20 * 500_000
    assert grown_inside == pytest.approx(grown, abs=64 << 10)
    shell.close()
    files.close()


def test_reading_by_a_shell_keeps_nothing_in_the_container(target: RunningTarget, engine: docker.DockerClient) -> None:
    files, shell = files_of(target.handle), CgroupExec(engine, str(target.handle.container_id))
    pids = files.pids()
    before = files.read().anon_bytes
    for _ in range(300):
        shell.read()
    assert files.read().anon_bytes == pytest.approx(before, abs=64 << 10)
    assert files.pids() == pids, "no new process a sample"
    shell.close()
    assert eventually(lambda: len(files.pids()) == len(pids) - 1), "the shell ends with its connection"
    with pytest.raises(SampleError, match="was closed"):
        shell.read()
    files.close()


def test_the_shell_ends_though_its_owner_was_killed(target: RunningTarget) -> None:
    files = files_of(target.handle)
    pids = files.pids()
    program = (
        "import os, docker; from harness.sample.cgroup_engine import CgroupExec;"
        f"shell = CgroupExec(docker.from_env(), {target.handle.container_id!r}); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert eventually(lambda: files.pids() == pids)
    files.close()


def test_a_container_without_a_shell_is_read_through_the_stats(
    target: RunningTarget, engine: docker.DockerClient
) -> None:
    container = engine.containers.get(str(target.handle.container_id))
    container.exec_run(["php", "-n", "-r", "foreach (['/bin/sh', '/usr/bin/sh'] as $f) @unlink($f);"], user="0")
    source, refusals = open_cgroup(remote(target.handle), engine)
    assert source is not None
    assert source.kind == "stats"
    assert source.read().anon_bytes > 1 << 20
    assert len(refusals) == 1
    assert '"sh"' in refusals[0].message
    source.close()


def test_a_paused_container_is_told_in_time(
    target: RunningTarget, engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.sample.cgroup_engine.ANSWER_TIMEOUT_S", 0.5)
    container = engine.containers.get(str(target.handle.container_id))
    shell = CgroupExec(engine, str(target.handle.container_id))
    container.pause()
    try:
        with pytest.raises(SampleError, match="answers no more") as refused:
            shell.read()
        assert "paused" in refused.value.hint
    finally:
        container.unpause()


def test_every_source_says_when_the_container_has_ended(target: RunningTarget, engine: docker.DockerClient) -> None:
    container = engine.containers.get(str(target.handle.container_id))
    sources: list[CgroupSource] = [
        files_of(target.handle),
        CgroupExec(engine, str(container.id)),
        CgroupStats(engine, str(container.id)),
    ]
    container.kill()
    container.wait()
    for source in sources:
        with pytest.raises(SampleError) as refused:
            source.read()
        assert refused.value.hint
        source.close()
    with pytest.raises(SampleError, match="no shell could be started"):
        CgroupExec(engine, str(container.id))


def test_beside_the_engine_every_channel_is_there(target: RunningTarget, engine: docker.DockerClient) -> None:
    with open_sampler(target.handle, heap=True, client=engine, labels={}) as sampler:
        assert sampler.settle(2.0)
        reading = sampler.read(exact=True)
        assert sampler.channels == ("php_heap", "anon", "private_dirty", "rss")
        assert sampler.notes == ()
    assert reading.cgroup is not None
    assert reading.oom_kills == 0
    names = [process.name for process in reading.processes]
    assert sorted(names) == ["resident: master", "resident: task 0", "resident: worker 0", "resident: worker 1"]
    assert all(process.php and process.rss_bytes and process.open_fds for process in reading.processes)
    private = sum(process.private_dirty_bytes or 0 for process in reading.processes)
    assert private < reading.cgroup.anon_bytes + (1 << 20)


def test_a_remote_engine_leaves_the_charge_and_the_heaps(
    target: RunningTarget, engine: docker.DockerClient, run: RunLabels
) -> None:
    labels = owner_labels(run)
    with (
        open_sampler(target.handle, heap=True, client=engine, labels=labels) as near,
        open_sampler(remote(target.handle), heap=True, client=engine, labels=labels) as far,
    ):
        assert far.settle(2.0)
        reading = far.read()
        assert eventually(lambda: heaps_of(far.read().processes) == sorted(near.heap_bytes().values()) != [])
        assert far.channels == ("php_heap", "anon")
        assert any("through a shell in the container" in note for note in far.notes)
        assert any("processes can't be seen" in note for note in far.notes)
    assert len(heaps_of(reading.processes)) == 4
    assert all(process.rss_bytes is None and process.started_s for process in reading.processes)


def test_a_reader_without_rights_gets_a_sidecar_under_the_host_s_pids(
    target: RunningTarget, engine: docker.DockerClient, run: RunLabels
) -> None:
    """As a user who may speak with the engine but not read root's memory."""
    program = f"""
import os, docker
from harness.model.target import TargetHandle
from harness.sample.opening import open_sampler
handle = TargetHandle.model_validate_json({target.handle.model_dump_json()!r})
group = os.stat("/var/run/docker.sock").st_gid
os.setgroups([group]); os.setresgid(group, group, group); os.setresuid(65534, 65534, 65534)
with open_sampler(handle, heap=True, client=docker.from_env(), labels={dict(owner_labels(run))!r}) as sampler:
    sampler.settle(2.0)
    reading = sampler.read()
    print(sampler.channels, sampler.notes)
    print(sorted((process.pid, process.php.heap_bytes) for process in reading.processes))
"""
    with open_sampler(target.handle, heap=True, client=engine, labels={}) as own:
        own.settle(2.0)
        expected = sorted(own.heap_bytes().items())
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == ["('php_heap', 'anon', 'rss') ()", str(expected)], done.stderr


def test_a_worker_killed_for_memory_is_counted_and_the_rest_goes_on(
    run: RunLabels, engine: docker.DockerClient
) -> None:
    spec = image(environment=WORKERS, memory_limit_bytes=64 << 20)
    with (
        start_target(spec, run, client=engine) as target,
        open_sampler(target.handle, heap=True, client=engine, labels={}) as sampler,
        open_sampler(remote(target.handle), heap=False, client=engine, labels={}) as far,
    ):
        before = sampler.read()
        assert (before.oom_kills, far.read().oom_kills) == (0, 0)
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            status(target.handle.base_url + "/peak?bytes=100000000")
        assert eventually(lambda: (sampler.read().oom_kills or 0) >= 1)
        assert (far.read().oom_kills or 0) >= 1
        assert eventually(lambda: len(sampler.read().processes) == len(before.processes))
        gone = {process.key for process in before.processes} - {process.key for process in sampler.read().processes}
        assert len(gone) == 1
        assert status(target.handle.base_url + "/health") == 200


def test_a_recycled_worker_is_another_process(run: RunLabels, engine: docker.DockerClient) -> None:
    spec = image(environment={"WORKERS": "1", "TASK_WORKERS": "0", "MAX_REQUEST": "5"})
    with (
        start_target(spec, run, client=engine) as target,
        open_sampler(target.handle, heap=True, client=engine, labels={}) as sampler,
    ):
        before = {process.key for process in sampler.read().processes}
        for _ in range(6):
            status(target.handle.base_url + "/health")
        assert eventually(lambda: not before <= {process.key for process in sampler.read().processes})
        assert eventually(lambda: len({process.key for process in sampler.read().processes} - before) == 1)
        sampler.settle(2.0)
        assert all(process.php for process in sampler.read().processes)


def test_a_container_that_ends_meanwhile_is_an_error_at_the_next_sample(
    target: RunningTarget, engine: docker.DockerClient
) -> None:
    with open_sampler(target.handle, heap=True, client=engine, labels={}) as sampler:
        engine.containers.get(str(target.handle.container_id)).kill()
        assert eventually(lambda: not os.path.exists(f"/proc/{target.handle.root_pid}"))  # noqa: PTH110
        sampler.settle(0.5)
        with pytest.raises(SampleError, match="nothing of the target's memory can be read"):
            sampler.read()
        assert any("can't be read any more" in note for note in sampler.notes)
