"""The probe in containers: mounted, for an unprivileged user, through a pid namespace."""

from __future__ import annotations

import secrets
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from harness.model.census import ProbeInjection
from harness.sample.census import growths_between
from harness.sample.declarations import sources_of_process
from harness.sample.descriptors import kept_between, open_descriptors
from harness.sample.probe import Probe, prepare_probe
from tests.e2e.targets import IMAGE, PORT

INSIDE = "/hyperleak-probe"
BURST = 50

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("resident_image")]


@pytest.fixture
def injection(tmp_path: Path) -> ProbeInjection:
    """Below a folder that every user may enter, as pytest's own is not."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    return prepare_probe(tmp_path / "probe", inside=INSIDE)


def mounted(injection: ProbeInjection) -> dict[str, Any]:
    return {"volumes": {here: {"bind": there, "mode": "rw"} for here, there in injection.mounts.items()}}


@contextmanager
def running(engine: docker.DockerClient, injection: ProbeInjection, **options: Any) -> Iterator[Container]:
    container = engine.containers.create(
        IMAGE,
        name=f"hyperleak-probe-test-{secrets.token_hex(4)}",
        environment={"WORKERS": "2", **injection.environment_over({})},
        ports={f"{PORT}/tcp": ("127.0.0.1", 0)},
        **options,
    )
    try:
        container.start()
        wait(container)
        yield container
    finally:
        container.remove(force=True, v=True)


def wait(container: Container) -> None:
    deadline_s = time.monotonic() + 15
    while True:
        try:
            get(container, "/health")
            return
        except OSError:
            assert time.monotonic() < deadline_s, container.logs().decode()
            time.sleep(0.05)


def get(container: Container, path: str) -> None:
    container.reload()
    port = container.attrs["NetworkSettings"]["Ports"][f"{PORT}/tcp"][0]["HostPort"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        answer.read()


def poker(container: Container) -> Callable[[], object]:
    return lambda: get(container, "/health")


def root_pid(container: Container) -> int:
    container.reload()
    return int(container.attrs["State"]["Pid"])


def workers(container: Container) -> list[int]:
    root = root_pid(container)
    return [int(pid) for pid in Path(f"/proc/{root}/task/{root}/children").read_text().split()]


def test_workers_of_another_user_and_pid_namespace_answer(
    engine: docker.DockerClient, injection: ProbeInjection
) -> None:
    with running(engine, injection, **mounted(injection)) as container, Probe(injection) as probe:
        pids = workers(container)
        answers = probe.settle(pids, poker(container))
        assert answers.keys() == set(pids), probe.silent
        assert all(answer.pid < 100 for answer in answers.values()), "the pids that they have inside"
        assert all(answer.after_s < 0.2 for answer in answers.values())


def test_the_holder_is_named_with_its_file_in_the_container(
    engine: docker.DockerClient, injection: ProbeInjection
) -> None:
    with running(engine, injection, **mounted(injection)) as container:
        task = workers(container)[-1]
        with Probe(injection) as probe:
            get(container, "/elsewhere")
            before = probe.census(task, poker(container))
            for _ in range(BURST):
                get(container, "/elsewhere")
            after = probe.census(task, poker(container))
        (growth,) = growths_between(before, after, BURST, read_source=sources_of_process(task))
    assert growth.holder.path == "Leaks\\Mailbox::$kept"
    assert (growth.holder.file, growth.holder.line) == ("/app/leaks/src/Mailbox.php", 11)
    assert growth.holder.elements_per_request == pytest.approx(1.0, abs=0.05), "one may be on its way"


def test_a_hardened_container_runs_with_the_probe(engine: docker.DockerClient, injection: ProbeInjection) -> None:
    hardened: dict[str, Any] = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}
    with running(engine, injection, **mounted(injection), **hardened) as container, Probe(injection) as probe:
        pids = workers(container)
        assert probe.settle(pids, poker(container)).keys() == set(pids), probe.silent


def test_a_container_without_the_probes_folder_runs_and_says_so(
    engine: docker.DockerClient, injection: ProbeInjection
) -> None:
    with running(engine, injection) as container, Probe(injection) as probe:
        pids = workers(container)
        assert probe.settle(pids, poker(container), 0.2) == {}
        assert all("isn't loaded" in probe.silent[pid] for pid in pids)


def test_sockets_of_the_containers_own_network(engine: docker.DockerClient, injection: ProbeInjection) -> None:
    with running(engine, injection, **mounted(injection)) as container:
        pids = workers(container)
        before = {pid: open_descriptors(pid) for pid in pids}
        for _ in range(BURST):
            get(container, f"/socket?peer=127.0.0.1:{PORT}")
        kept = [kept_between(before[pid], open_descriptors(pid)) for pid in pids]
    assert sum(each.get(f"tcp 127.0.0.1:{PORT}", 0) for each in kept) == BURST


def test_stopping_takes_as_long_as_without(engine: docker.DockerClient, injection: ProbeInjection) -> None:
    with running(engine, injection, **mounted(injection)) as container, Probe(injection) as probe:
        probe.settle(workers(container), poker(container))
        began_s = time.monotonic()
        container.stop(timeout=20)
        assert time.monotonic() - began_s < 3
        container.reload()
        assert container.attrs["State"]["ExitCode"] == 0
