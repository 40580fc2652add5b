"""A container beside the target's reads the heaps as PHP says them, with few rights, and never stays behind."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import docker
import pytest
from docker import DockerClient
from docker.models.containers import Container

from harness.errors import SampleError
from harness.sample.sidecar import start_sidecar
from harness.sample.zend_mm import HeapReading
from tests.integration.php_process import wait_until

pytestmark = pytest.mark.docker

_SAYS_ITS_HEAP = """
$kept = [];
for ($i = 0; $i < 50000; $i++) $kept[] = new stdClass;
for ($i = 0; $i < 3; $i++) {
    $size = memory_get_usage(); $peak = memory_get_peak_usage(); $real = memory_get_usage(true);
    fwrite(STDOUT, "$size $peak $real\\n");
}
sleep(120);
"""

_KILLED_HARNESS = """
import sys, docker
from harness.sample.sidecar import start_sidecar
sidecar = start_sidecar(docker.from_env(), sys.argv[1], sys.argv[2], {"hyperleak.test": sys.argv[3]})
print(sidecar.read()[1] is not None, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def client() -> Iterator[DockerClient]:
    with contextlib.closing(docker.from_env()) as made:
        yield made


@pytest.fixture(scope="module")
def label() -> str:
    return uuid.uuid4().hex


@pytest.fixture(scope="module")
def image(client: DockerClient, label: str) -> Iterator[str]:
    """This machine's PHP with the libraries that it needs, and nothing else."""
    name = f"hyperleak-test-php:{label[:12]}"
    subprocess.run(["docker", "import", "-", name], input=_php_as_tar(), check=True, capture_output=True, timeout=60)
    yield name
    for container in _containers(client, label):
        container.remove(force=True)
    client.images.remove(name, force=True)


def _php_as_tar() -> bytes:
    program = shutil.which("php")
    assert program, "these tests need PHP (Debian: apt-get install php-cli)"
    linked = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as tar:
        for path in [program, *(word for word in linked if word.startswith("/"))]:
            tar.add(path)
    return buffer.getvalue()


def _containers(client: DockerClient, label: str) -> list[Container]:
    return client.containers.list(all=True, ignore_removed=True, filters={"label": f"hyperleak.test={label}"})


@contextlib.contextmanager
def target(client: DockerClient, image: str, label: str, **options: Any) -> Iterator[Container]:
    container = client.containers.run(
        image,
        ["php", "-n", "-d", "display_errors=0", "-r", _SAYS_ITS_HEAP],
        detach=True,
        network_mode="none",
        labels={"hyperleak.test": label},
        **options,
    )
    try:
        wait_until(lambda: len(container.logs(stderr=False).splitlines()) == 3)
        yield container
    finally:
        container.remove(force=True)


def said(container: Container) -> HeapReading:
    return HeapReading(*map(int, container.logs(stderr=False).splitlines()[-1].split()))


@pytest.fixture
def running(client: DockerClient, image: str, label: str) -> Iterator[Container]:
    with target(client, image, label) as container:
        yield container


def test_the_reading_is_what_php_says(client: DockerClient, image: str, label: str, running: Container) -> None:
    with start_sidecar(client, running.id or "", image, {"hyperleak.test": label}) as sidecar:
        everything = sidecar.read()
        assert everything == sidecar.read([1]) == {1: said(running)}
        assert sidecar.total() == said(running)
        assert sidecar.started_s(1) is not None
        assert sidecar.read([1, 4000]) == {1: said(running), 4000: None}
        assert sidecar.refusals == {4000: "process 4000 has ended"}


@pytest.mark.parametrize("options", [{"user": "33:33"}, {"read_only": True, "cap_drop": ["ALL"]}], ids=str)
def test_a_target_of_another_user_is_read_too(
    options: dict[str, Any], client: DockerClient, image: str, label: str
) -> None:
    with (
        target(client, image, label, **options) as container,
        start_sidecar(client, container.id or "", image, {"hyperleak.test": label}) as sidecar,
    ):
        assert sidecar.read() == {1: said(container)}


def test_so_is_a_process_of_another_user_beside_root_s(
    client: DockerClient, image: str, label: str, running: Container
) -> None:
    command = ["php", "-n", "-d", "display_errors=0", "-r", _SAYS_ITS_HEAP]
    running.exec_run(command, user="33:33", detach=True)
    wait_until(lambda: len(running.top()["Processes"]) == 2)
    with start_sidecar(client, running.id or "", image, {"hyperleak.test": label}) as sidecar:
        wait_until(lambda: len(sidecar.read()) == 2 and all(sidecar.read().values()))


def test_it_has_no_more_rights_than_it_needs(client: DockerClient, image: str, label: str, running: Container) -> None:
    with start_sidecar(client, running.id or "", image, {"hyperleak.test": label, "role": "sidecar"}):
        (sidecar,) = client.containers.list(filters={"label": "role=sidecar"})
        host = sidecar.attrs["HostConfig"]
        assert host["CapDrop"] == ["ALL"]
        assert [name.removeprefix("CAP_") for name in host["CapAdd"]] == ["SYS_PTRACE"]
        assert (host["NetworkMode"], host["ReadonlyRootfs"]) == ("none", True)
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert host["PidMode"] == f"container:{running.id}"
        assert not host["Privileged"]
        assert not sidecar.attrs["Mounts"]


def test_closing_removes_it(client: DockerClient, image: str, label: str, running: Container) -> None:
    sidecar = start_sidecar(client, running.id or "", image, {"hyperleak.test": label})
    assert len(_containers(client, label)) == 2
    sidecar.close()
    assert [container.id for container in _containers(client, label)] == [running.id]
    sidecar.close()


def test_it_goes_with_its_target(client: DockerClient, image: str, label: str, running: Container) -> None:
    with start_sidecar(client, running.id or "", image, {"hyperleak.test": label}) as sidecar:
        running.kill()
        with pytest.raises(SampleError, match=r"sidecar.*gone"):
            _read_for(sidecar.read, 10)
    assert [container.id for container in _containers(client, label)] == [running.id]


def _read_for(read: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        read()


def test_it_goes_when_the_harness_is_killed(client: DockerClient, image: str, label: str, running: Container) -> None:
    command = [sys.executable, "-c", _KILLED_HARNESS, running.id or "", image, label]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout
        assert harness.stdout.readline() == "True\n"
        assert len(_containers(client, label)) == 2
        os.kill(harness.pid, signal.SIGKILL)
    wait_until(lambda: len(_containers(client, label)) == 1)


def test_what_keeps_it_from_starting_is_said(client: DockerClient, image: str, label: str, running: Container) -> None:
    labels = {"hyperleak.test": label}
    with pytest.raises(SampleError, match="doesn't have the image"):
        start_sidecar(client, running.id or "", "hyperleak-test-php:nowhere", labels)
    with pytest.raises(SampleError, match="No such container"):
        start_sidecar(client, "nowhere", image, labels)
    with pytest.raises(SampleError, match="php81"):
        start_sidecar(client, running.id or "", image, labels, php="php81")
    running.kill()
    with pytest.raises(SampleError, match="is not running"):
        start_sidecar(client, running.id or "", image, labels)
    assert [container.id for container in _containers(client, label)] == [running.id]


def test_a_reading_takes_a_few_milliseconds(client: DockerClient, image: str, label: str, running: Container) -> None:
    with start_sidecar(client, running.id or "", image, {"hyperleak.test": label}) as sidecar:
        durations_s = []
        for _ in range(200):
            began = time.perf_counter()
            sidecar.read([1])
            durations_s.append(time.perf_counter() - began)
    assert median(durations_s) < 0.005
