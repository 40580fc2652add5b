"""Every kind of target on a real engine: it starts, is safe, tells its end, and leaves nothing behind."""

from __future__ import annotations

import gc
import logging
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from docker.errors import ImageNotFound, NotFound

from harness.errors import EngineError, InputError, TargetError
from harness.model.target import AnyTargetSpec, BuildSpec, ComposeSpec, ImageSpec, ReadyCheck
from harness.target import RunLabels, collect_garbage, connect_engine, owner_labels, start_target
from harness.target import container as container_module

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
IMAGE = "hyperleak/resident:latest"
PORT = 8080
READY = ReadyCheck(path="/health", timeout_s=30)
LIMIT_BYTES = 96 << 20


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    client = connect_engine()
    yield client
    client.close()


@pytest.fixture(scope="module", autouse=True)
def resident_image(engine: docker.DockerClient) -> None:
    try:
        engine.images.get(IMAGE)
    except ImageNotFound:
        subprocess.run(["sh", str(ROOT / "compose/resident/make-image.sh"), IMAGE], check=True, timeout=200)


@pytest.fixture
def run(engine: docker.DockerClient) -> Iterator[RunLabels]:
    """A run of its own for each test, of which nothing may be left afterwards."""
    labels = RunLabels(f"target-test-{secrets.token_hex(4)}", "resident")
    yield labels
    assert everything_of(engine, labels.run_id) == []


def everything_of(engine: docker.DockerClient, run_id: str) -> list[str]:
    """Every container, network, volume and image with the run in a label or in its name."""
    api = engine.api
    found: list[dict[str, Any]] = [
        *api.containers(all=True),
        *api.networks(),
        *(api.volumes().get("Volumes") or []),
        *api.images(),
    ]
    return [str(entry) for entry in found if run_id in str(entry)]


def image(**values: Any) -> ImageSpec:
    return ImageSpec(**({"image": IMAGE, "port": PORT, "ready": READY} | values))


def build_spec(folder: Path, dockerfile: str, **values: Any) -> BuildSpec:
    (folder / "Dockerfile").write_text(textwrap.dedent(dockerfile))
    return BuildSpec(**({"context": folder, "port": PORT, "ready": READY} | values))


def compose_spec(folder: Path, document: dict[str, Any], **values: Any) -> ComposeSpec:
    file = folder / "compose.yaml"
    file.write_text(yaml.safe_dump(document))
    return ComposeSpec(**({"files": (file,), "service": "app", "port": PORT, "ready": READY} | values))


def a_spec(kind: str, folder: Path) -> AnyTargetSpec:
    """The resident app as each kind of target, with the same environment and limits."""
    values = {"environment": {"WORKERS": "1", "ODD": "a$b ${c}"}, "memory_limit_bytes": LIMIT_BYTES, "cpus": 0.5}
    if kind == "image":
        return image(**values)
    if kind == "build":
        return build_spec(folder, f"ARG WHAT\nFROM {IMAGE}\nRUN echo {secrets.token_hex(8)}", **values)
    document = {
        "services": {
            "app": {
                "build": {"context": str(folder)},
                "image": "somebody/app:dev",
                "container_name": "somebodys-app",
                "ports": [f"{PORT}:{PORT}"],
                "depends_on": ["db"],
            },
            "db": {"image": IMAGE, "ports": [f"3306:{PORT}"], "volumes": ["data:/data"]},
        },
        "volumes": {"data": {"name": "somebodys-data"}},
    }
    (folder / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo {secrets.token_hex(8)}\n")
    return compose_spec(folder, document, **values)


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return int(answer.status)


KINDS = pytest.mark.parametrize("kind", ["image", "build", "compose"])


@KINDS
def test_each_kind_is_reached_on_loopback_alone_and_runs_within_its_limits(
    kind: str, run: RunLabels, engine: docker.DockerClient, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    with start_target(a_spec(kind, tmp_path), run, log_dir=logs, client=engine) as target:
        assert status(target.handle.base_url + "/health") == 200
        container = engine.containers.get(str(target.handle.container_id))
        published = [binding for bindings in container.ports.values() for binding in bindings or []]
        assert [binding["HostIp"] for binding in published] == ["127.0.0.1"]
        assert target.handle.base_url == f"http://127.0.0.1:{published[0]['HostPort']}"
        limits = container.attrs["HostConfig"]
        assert limits["Privileged"] is False
        assert any(option.startswith("no-new-privileges") for option in limits["SecurityOpt"])
        assert (limits["Memory"], limits["MemorySwap"]) == (LIMIT_BYTES, LIMIT_BYTES)
        assert limits["NanoCpus"] == 500_000_000
        assert "ODD=a$b ${c}" in container.attrs["Config"]["Env"]
        assert owner_labels(run).items() <= container.labels.items()
        assert target.state().running
        assert "resident:" in target.logs_tail()
    assert "resident:" in (logs / "target.log").read_text()
    target.close()


@KINDS
def test_the_handle_tells_where_the_memory_is_and_what_was_measured(kind: str, run: RunLabels, tmp_path: Path) -> None:
    with start_target(a_spec(kind, tmp_path), run) as target:
        handle = target.handle
        assert handle.kind == kind
        assert handle.memory_limit_bytes == LIMIT_BYTES
        assert handle.root_pid is not None
        assert str(handle.container_id) in Path(f"/proc/{handle.root_pid}/cgroup").read_text()
        facts = handle.environment
    assert facts["image_id"].startswith("sha256:")
    assert facts["command"] == ["php", "/app/resident/server.php"]
    assert (facts["cpus"], facts["memory_limit_bytes"]) == (0.5, LIMIT_BYTES)
    wanted = {
        "engine_version",
        "cgroup_version",
        "kernel",
        "storage_driver",
        "host_cpus",
        "image_digests",
        "ready_after_s",
    }
    assert wanted <= set(facts)
    assert ("compose_version" in facts) == (kind == "compose")


@KINDS
def test_an_interrupt_during_the_start_removes_what_was_begun(
    kind: str, run: RunLabels, engine: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> float:
        assert everything_of(engine, run.run_id)
        raise KeyboardInterrupt

    monkeypatch.setattr(container_module, "wait_until_ready", interrupt)
    with pytest.raises(KeyboardInterrupt):
        start_target(a_spec(kind, tmp_path), run, client=engine)


def test_a_target_that_dies_at_start_is_told_with_its_log(run: RunLabels) -> None:
    began_s = time.monotonic()
    with pytest.raises(TargetError) as caught:
        start_target(image(command=("php", "-r", "fwrite(STDERR, 'no database'); exit(3);")), run)
    assert "exited with 3" in caught.value.message
    assert "| no database" in caught.value.message
    assert time.monotonic() - began_s < 15


def test_a_target_killed_for_memory_at_start_is_told_so(run: RunLabels) -> None:
    eat = "$a = str_repeat('x', 200 << 20); sleep(60);"
    with pytest.raises(TargetError, match=r"137 \(SIGKILL\).*killed for memory \(limit 16 MiB\)") as caught:
        start_target(image(command=("php", "-d", "memory_limit=-1", "-r", eat), memory_limit_bytes=16 << 20), run)
    assert "memory_limit" in caught.value.hint


def test_kills_inside_of_a_target_that_goes_on_are_counted(run: RunLabels) -> None:
    script = """php -d memory_limit=-1 -r '$a = str_repeat("x", 200 << 20);'; exec php /app/resident/server.php"""
    with start_target(image(command=("sh", "-c", script), memory_limit_bytes=64 << 20), run) as target:
        state = target.state()
        assert state.running
        assert state.oom_kills == 1


def test_the_end_of_a_target_is_a_state(run: RunLabels, engine: docker.DockerClient) -> None:
    with start_target(image(), run, client=engine) as target:
        engine.containers.get(str(target.handle.container_id)).kill(signal.SIGKILL)
        state = target.state()
        assert (state.running, state.exit_code, state.oom_kills) == (False, 137, 0)
        engine.containers.get(str(target.handle.container_id)).remove()
        assert "is gone" in target.state().detail


def test_a_wrong_port_is_told_with_the_port_that_the_image_exposes(run: RunLabels) -> None:
    with pytest.raises(TargetError, match="without an answer") as caught:
        start_target(image(port=9501, ready=ReadyCheck(timeout_s=1)), run)
    assert "| resident:" in caught.value.message
    assert "port 9501 in its container (its image exposes 8080/tcp)" in caught.value.hint


def test_a_ready_check_for_another_status_fails(run: RunLabels) -> None:
    with pytest.raises(TargetError, match="GET /health should answer 204, but the answer was 200"):
        start_target(image(ready=ReadyCheck(path="/health", status=204, timeout_s=1)), run)


@pytest.mark.parametrize("name", ["hyperleak.invalid/no-such-image:1", "hyperleak/no-such-image"])
def test_an_image_that_cant_be_had_is_named(name: str, run: RunLabels) -> None:
    with pytest.raises(
        TargetError, match=f"the image {name} is not on this engine and could not be pulled: "
    ) as caught:
        start_target(image(image=name), run)
    assert "docker login" in caught.value.hint


@pytest.mark.parametrize(
    ("values", "said"),
    [({"command": ("/no/such/program",)}, "no such file"), ({"memory_limit_bytes": 1000}, "[Mm]inimum memory limit")],
)
def test_what_the_engine_refuses_is_said(values: dict[str, Any], said: str, run: RunLabels) -> None:
    with pytest.raises(TargetError, match=f"starting a container from {IMAGE}: the Docker engine refused: .*{said}"):
        start_target(image(**values), run)


def images_made_by(engine: docker.DockerClient, text: str) -> list[str]:
    """Layers, tagged or not, whose command has this text."""
    found = []
    for entry in engine.api.images(all=True):
        with suppress(NotFound):
            if text in str(engine.api.inspect_image(entry["Id"])["ContainerConfig"]):
                found.append(entry["Id"])
    return found


def test_a_failing_build_is_told_and_leaves_no_layer(
    run: RunLabels, engine: docker.DockerClient, tmp_path: Path
) -> None:
    mark = secrets.token_hex(8)
    spec = build_spec(tmp_path, f"FROM {IMAGE}\nRUN echo {mark}\nRUN echo {mark} was missing; exit 9\n")
    with pytest.raises(TargetError) as caught:
        start_target(spec, run, client=engine)
    assert "returned a non-zero code: 9" in caught.value.message
    assert f"  | {mark} was missing" in caught.value.message
    assert images_made_by(engine, mark) == []
    assert engine.images.get(IMAGE)


def test_a_build_takes_its_arguments_and_leaves_no_layer(
    run: RunLabels, engine: docker.DockerClient, tmp_path: Path
) -> None:
    mark = secrets.token_hex(8)
    spec = build_spec(tmp_path, f"FROM {IMAGE}\nARG WHAT\nRUN echo {mark}\nENV WHAT=$WHAT\n", args={"WHAT": "a b"})
    with start_target(spec, run, client=engine) as target:
        container = engine.containers.get(str(target.handle.container_id))
        assert "WHAT=a b" in container.attrs["Config"]["Env"]
        built = engine.images.get(target.handle.environment["image_id"])
        assert owner_labels(run).items() <= built.labels.items()
        assert images_made_by(engine, mark)
    assert images_made_by(engine, mark) == []


def test_two_runs_of_one_compose_file_do_not_meet(run: RunLabels, engine: docker.DockerClient, tmp_path: Path) -> None:
    spec = a_spec("compose", tmp_path)
    other = RunLabels(f"{run.run_id}-other", "resident")
    with start_target(spec, run, client=engine) as one, start_target(spec, other, client=engine) as two:
        assert one.handle.base_url != two.handle.base_url
        assert status(one.handle.base_url + "/health") == status(two.handle.base_url + "/health") == 200
        for kind in (engine.api.networks, lambda: engine.api.volumes()["Volumes"]):
            mine = [entry for entry in kind() if f"hyperleak-{run.run_id}_" in entry["Name"]]
            assert len(mine) == 1
            assert owner_labels(run).items() <= mine[0]["Labels"].items()


def test_a_compose_target_may_need_a_second_start_but_then_dies_for_good(
    run: RunLabels, engine: docker.DockerClient, tmp_path: Path
) -> None:
    script = "test -f /data/up || { touch /data/up; exit 1; }; exec php /app/resident/server.php"
    app = {
        "image": IMAGE,
        "user": "root",
        "restart": "always",
        "volumes": ["data:/data"],
        "command": ["sh", "-c", script],
    }
    document = {"version": "2", "services": {"app": app}, "volumes": {"data": {}}}
    with start_target(compose_spec(tmp_path, document), run, client=engine) as target:
        assert target.state().running
        assert status(target.handle.base_url + "/health") == 200
        os.kill(target.handle.root_pid or 0, signal.SIGKILL)
        time.sleep(1)
        assert target.state().running is False


def test_a_compose_service_that_does_not_come_up_is_told_with_composes_output(run: RunLabels, tmp_path: Path) -> None:
    document = {"services": {"app": {"image": IMAGE}, "db": {"image": "hyperleak.invalid/no-such-image"}}}
    with pytest.raises(TargetError, match=r"`docker compose up` failed(?s:.*)hyperleak\.invalid"):
        start_target(compose_spec(tmp_path, document), run)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services:\n  web: {image: x}\n", "no service 'app'"),
        ("services:\n  app: {image: x, nonsense: 1}\n", "compose can't read .*compose.yaml"),
        ("services:\n  app: {image: x, privileged: true}\n", "privileged"),
        ("services:\n  app: {image: x, network_mode: host}\n", "network_mode 'host'"),
        (None, "there is no compose file"),
    ],
)
def test_a_compose_file_that_cant_be_measured_is_an_input_error(
    text: str | None, said: str, run: RunLabels, tmp_path: Path
) -> None:
    file = tmp_path / "compose.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=f"(?s){said}"):
        start_target(ComposeSpec(files=(file,), service="app", port=80), run)


def test_without_a_compose_program_the_package_is_named(
    run: RunLabels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="neither `docker compose` nor `docker-compose`") as caught:
        start_target(a_spec("compose", tmp_path), run)
    assert "docker-compose-plugin" in caught.value.hint


class Line:
    """A unix socket before the engine's that can be cut, or fall silent, as an engine does."""

    def __init__(self, path: Path) -> None:
        self.host = f"unix://{path}"
        self._path = path
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._open: list[socket.socket] = []
        self._silent = False
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)

    def fall_silent(self) -> None:
        self._silent = True

    def cut(self) -> None:
        self._path.unlink(missing_ok=True)
        for end in (self._server, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(5)

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect("/var/run/docker.sock")
                self._open += [near, far]
                self._spawn(self._copy, near, far)
                self._spawn(self._copy, far, near)

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self._silent:
                    sink.sendall(data)


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # the SDK's own, when it can't connect
@pytest.mark.parametrize("end", [Line.cut, Line.fall_silent])
def test_an_engine_that_goes_away_is_told_and_closing_does_not_hang(
    end: Callable[[Line], None],
    run: RunLabels,
    engine: docker.DockerClient,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    line = Line(tmp_path / "engine.sock")
    client = docker.DockerClient(base_url=line.host, timeout=5)
    try:
        target = start_target(image(), run, client=client, log_dir=tmp_path)
        client.api.timeout = 1
        end(line)
        with pytest.raises(EngineError, match="asking for the target's state: the Docker engine stopped answering"):
            target.state()
        began_s = time.monotonic()
        with caplog.at_level(logging.WARNING):
            target.close()
        assert time.monotonic() - began_s < 10
        assert f"left behind: container hyperleak-{run.run_id}" in caplog.text
        assert "hyperleak gc" in caplog.text
    finally:
        client.close()
        line.cut()
        engine.api.remove_container(str(target.handle.container_id), force=True)
        gc.collect()


HARNESS = """
    import sys, time
    from pydantic import TypeAdapter
    from harness.model.target import AnyTargetSpec
    from harness.target import RunLabels, start_target
    spec = TypeAdapter(AnyTargetSpec).validate_json(sys.argv[1])
    target = start_target(spec, RunLabels(sys.argv[2], "resident"))
    print(target.handle.container_id, flush=True)
    time.sleep(300)
"""


def killed_harness(spec: AnyTargetSpec, run: RunLabels) -> str:
    """The container that a harness left behind when it was killed with signal 9."""
    command = [sys.executable, "-c", textwrap.dedent(HARNESS), spec.model_dump_json(), run.run_id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as harness:
        assert harness.stdout is not None
        container_id = harness.stdout.readline().strip()
        harness.kill()
    return container_id


@KINDS
def test_gc_removes_what_a_killed_harness_left_and_nothing_else(
    kind: str, run: RunLabels, engine: docker.DockerClient, tmp_path: Path
) -> None:
    foreign = engine.containers.create(IMAGE, name=f"foreign-{secrets.token_hex(4)}", labels={"hyperleak": "mine"})
    try:
        live_run = RunLabels(f"{run.run_id}-alive", "resident")
        with start_target(image(), live_run, client=engine) as alive:
            left = killed_harness(a_spec(kind, tmp_path), run)
            assert engine.containers.get(left).status == "running"
            seen = [found for found in collect_garbage(dry_run=True) if found.run_id == run.run_id]
            assert not any(found.removed for found in seen)
            assert engine.containers.get(left).status == "running"
            removed = [found for found in collect_garbage(dry_run=False) if found.run_id == run.run_id]
            assert [(found.kind, found.name) for found in removed] == [(found.kind, found.name) for found in seen]
            assert all(found.removed for found in removed)
            assert {found.kind for found in removed} == LEFT_BY[kind]
            assert alive.state().running
        assert engine.containers.get(str(foreign.id))
    finally:
        foreign.remove(force=True)


LEFT_BY = {
    "image": {"container"},
    "build": {"container", "image"},
    "compose": {"container", "network", "volume", "image", "folder"},
}


def test_gc_leaves_a_run_of_another_host_alone(engine: docker.DockerClient) -> None:
    labels = {"hyperleak.run": "elsewhere", "hyperleak.owner": "1:1@another-host"}
    container = engine.containers.create(IMAGE, labels=labels)
    try:
        assert not [found for found in collect_garbage(dry_run=False) if found.run_id == "elsewhere"]
        assert engine.containers.get(str(container.id))
    finally:
        container.remove(force=True)


def test_gc_without_an_engine_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    with caplog.at_level(logging.WARNING):
        collect_garbage(tmp_path, dry_run=True)
    assert re.search("are not looked for: no Docker engine listens", caplog.text)
