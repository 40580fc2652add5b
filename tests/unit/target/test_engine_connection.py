from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

import docker
import pytest
import requests
from docker.errors import APIError

from harness.errors import EngineError, TargetError
from harness.target.engine import connect_engine, engine_errors, engine_host, require_reachable, short_reason


@pytest.fixture(autouse=True)
def own_docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = tmp_path / "docker-config"
    config.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(config))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return config


def refused(monkeypatch: pytest.MonkeyPatch, host: str) -> EngineError:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(EngineError) as caught:
        connect_engine()
    return caught.value


def test_an_engine_that_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = refused(monkeypatch, f"unix://{tmp_path}/no.sock")
    assert f"no Docker engine listens at {tmp_path}/no.sock: No such file" in error.message
    assert "DOCKER_HOST" in error.hint


def test_a_socket_that_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
    assert "Connection refused" in refused(monkeypatch, f"unix://{tmp_path}/dead.sock").message


@pytest.mark.parametrize("host", ["nonsense://x", "tcp://", "tcp://127.0.0.1:1"])
def test_a_wrong_docker_host_is_named(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error = refused(monkeypatch, host)
    assert f"no Docker engine answers at {host}" in error.message
    assert "correct it or unset it" in error.hint


def test_without_permission_the_group_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(self: socket.socket, address: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", deny)
    assert "group docker" in refused(monkeypatch, "unix:///run/docker.sock").hint


def test_without_docker_host_the_default_socket_is_used() -> None:
    assert engine_host() == "unix:///var/run/docker.sock"


def test_a_broken_docker_config_does_not_stop_the_search(own_docker_config: Path) -> None:
    (own_docker_config / "config.json").write_text("{")
    assert engine_host() == "unix:///var/run/docker.sock"


def test_the_chosen_docker_context_is_followed(own_docker_config: Path) -> None:
    (own_docker_config / "config.json").write_text(json.dumps({"currentContext": "rootless"}))
    folder = own_docker_config / "contexts" / "meta" / hashlib.sha256(b"rootless").hexdigest()
    folder.mkdir(parents=True)
    endpoint = {"Host": "unix:///run/user/1000/docker.sock", "SkipTLSVerify": False}
    (folder / "meta.json").write_text(
        json.dumps({"Name": "rootless", "Metadata": {}, "Endpoints": {"docker": endpoint}})
    )
    assert engine_host() == "unix:///run/user/1000/docker.sock"


@pytest.mark.parametrize(
    ("host", "reachable"),
    [("unix:///run/x.sock", True), ("tcp://127.0.0.1:2375", True), ("tcp://build.example:2375", False)],
)
def test_an_engine_on_another_machine_is_refused_before_anything_is_started(host: str, reachable: bool) -> None:
    client = docker.DockerClient(base_url=host, version="1.41")
    try:
        if reachable:
            require_reachable(client)
        else:
            with pytest.raises(EngineError, match="another machine"):
                require_reachable(client)
    finally:
        client.close()


def test_a_refusal_is_the_targets_fault_and_silence_the_engines() -> None:
    with (
        pytest.raises(TargetError, match="starting it: the Docker engine refused: no such command"),
        engine_errors("starting it"),
    ):
        raise APIError("400", explanation="no such command")
    with pytest.raises(EngineError, match="stopped answering") as caught, engine_errors("starting it"):
        raise requests.exceptions.ReadTimeout("timed out")
    assert "hyperleak gc" in caught.value.hint


def test_a_reason_is_one_line_of_bounded_length() -> None:
    assert short_reason(OSError("a\n  b")) == "a b"
    assert len(short_reason(OSError("x" * 5000))) == 300
    assert short_reason(OSError()) == "OSError"
