"""The Docker engine: reaching it, and saying in a person's words why it can't be reached."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import docker
import requests
import urllib3
from docker.context import ContextAPI
from docker.errors import APIError, DockerException

from harness.errors import EngineError, TargetError

ENGINE_ERRORS = (DockerException, requests.exceptions.RequestException, urllib3.exceptions.HTTPError)
"""Everything that the SDK lets through when a call fails."""

_CALL_TIMEOUT_S = 30
_DEFAULT_HOST = "unix:///var/run/docker.sock"
_UNIX_BASE_URL = "http+docker://localhost"
_REASON_LENGTH = 300


def connect_engine(host: str = "") -> docker.DockerClient:
    """A client of the engine at `host`, else of that which DOCKER_HOST or the current docker context names.

    Each call ends within 30 s.

    Raises EngineError: not running, no permission, wrong DOCKER_HOST.
    """
    host = host or engine_host()
    if host.startswith("unix://"):
        _try_socket(host.removeprefix("unix://"))
    client = None
    try:
        client = docker.DockerClient.from_env(environment=os.environ | {"DOCKER_HOST": host}, timeout=_CALL_TIMEOUT_S)
        client.ping()
    except (*ENGINE_ERRORS, OSError, ValueError) as error:
        if client is not None:
            client.close()
        raise EngineError(
            f"no Docker engine answers at {host}: {short_reason(error)}", hint=_wrong_host_hint()
        ) from error
    return client


def engine_host() -> str:
    """Where the engine listens: DOCKER_HOST, else the current docker context, else the default socket."""
    if named := os.environ.get("DOCKER_HOST"):
        return named
    try:
        context = ContextAPI.get_current_context()
    except (DockerException, OSError, ValueError, KeyError):
        return _DEFAULT_HOST
    return (context.Host if context else None) or _DEFAULT_HOST


def _try_socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_CALL_TIMEOUT_S)
        try:
            probe.connect(path)
        except PermissionError as error:
            raise EngineError(
                f"no permission to talk to the Docker engine at {path}",
                hint="join the group docker (`sudo usermod -aG docker $USER`, then log in again), or use sudo",
            ) from error
        except OSError as error:
            raise EngineError(
                f"no Docker engine listens at {path}: {error.strerror or error}", hint=_wrong_host_hint()
            ) from error


def _wrong_host_hint() -> str:
    if os.environ.get("DOCKER_HOST"):
        return "DOCKER_HOST is set: correct it or unset it, and see that `docker version` answers"
    return "start the engine (`sudo systemctl start docker`), or measure a local process with a target of kind command"


def is_local(client: docker.DockerClient) -> bool:
    """Whether the engine is reached through a unix socket of this machine."""
    return bool(client.api.base_url == _UNIX_BASE_URL)


def require_reachable(client: docker.DockerClient) -> None:
    """Raises EngineError where the target's loopback port would be on another machine."""
    if is_local(client) or urlsplit(client.api.base_url).hostname in ("127.0.0.1", "::1"):
        return
    raise EngineError(
        f"the Docker engine at {engine_host()} is on another machine, where the target's port is on loopback only",
        hint="run hyperleak on the engine's machine, or in a container there with its socket mounted and host network",
    )


@contextmanager
def engine_errors(doing: str, *, hint: str = "") -> Iterator[None]:
    """TargetError for what the engine refuses, EngineError where it doesn't answer; `doing` begins the message.

    `hint` is what to do about a refusal.
    """
    try:
        yield
    except APIError as error:
        raise TargetError(f"{doing}: the Docker engine refused: {short_reason(error)}", hint=hint) from error
    except ENGINE_ERRORS as error:
        raise EngineError(
            f"{doing}: the Docker engine stopped answering: {short_reason(error)}",
            hint="see that `docker version` answers, then run `hyperleak gc` to remove what was left behind",
        ) from error


def short_reason(error: BaseException) -> str:
    """One line: the engine's own explanation where there is one."""
    text = str(getattr(error, "explanation", None) or error) or type(error).__name__
    line = " ".join(text.split())
    return line if len(line) <= _REASON_LENGTH else line[: _REASON_LENGTH - 1] + "…"


def engine_facts(client: docker.DockerClient) -> dict[str, Any]:
    """What of the engine and its machine is needed to compare or repeat a run."""
    with engine_errors("asking for the engine's version"):
        info, version = client.info(), client.version()
    return {
        "engine": "docker",
        "engine_version": version.get("Version"),
        "engine_api_version": version.get("ApiVersion"),
        "cgroup_version": info.get("CgroupVersion", "1"),
        "cgroup_driver": info.get("CgroupDriver"),
        "storage_driver": info.get("Driver"),
        "kernel": info.get("KernelVersion"),
        "operating_system": info.get("OperatingSystem"),
        "architecture": info.get("Architecture"),
        "host_cpus": info.get("NCPU"),
        "host_memory_bytes": info.get("MemTotal"),
    }
