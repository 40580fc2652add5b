"""Targets that never become ready, that die, and an engine that goes away."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest

from harness.errors import EngineError, TargetError
from harness.model.target import ReadyCheck
from harness.target import RunLabels, start_target
from tests.e2e.targets import IMAGE, image

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("resident_image")]


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
