"""A running container as a target: its port, its state, its log. Images, builds and compose services share it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal, Self

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from harness.closing import Closing
from harness.model.target import ReadyCheck, TargetHandle, TargetState
from harness.target.cleanup import Cleanup
from harness.target.engine import ENGINE_ERRORS, engine_errors, engine_facts, is_local, short_reason
from harness.target.oom import OomKills
from harness.target.ready import wait_until_ready
from harness.units import format_size

_log = logging.getLogger(__name__)

LOG_NAME = "target.log"
_LOOPBACK = "127.0.0.1"


class ContainerTarget(Closing):
    """Implements RunningTarget; `handle` is known once `become_ready` has returned."""

    handle: TargetHandle

    def __init__(self, client: docker.DockerClient, container: Container, inner_port: int, cleanup: Cleanup) -> None:
        self._client = client
        self._container = container
        self._inner_port = inner_port
        self._cleanup = cleanup
        self._oom = OomKills()

    def become_ready(
        self,
        kind: Literal["image", "build", "compose"],
        check: ReadyCheck,
        environment: dict[str, Any] | None = None,
    ) -> Self:
        """Waits for the check and fills in the handle. Raises TargetError, EngineError."""
        ready_after_s = wait_until_ready(self, check, hint=self._port_hint())
        with engine_errors("looking at the target's container"):
            self._container.reload()
            image = self._client.images.get(self._container.attrs["Image"])
        root_pid = self._root_pid()
        self._oom.watch(root_pid)
        self.handle = TargetHandle(
            kind=kind,
            base_url=f"http://{_LOOPBACK}:{self.port()}",
            root_pid=root_pid,
            container_id=str(self._container.id),
            memory_limit_bytes=self._container.attrs["HostConfig"].get("Memory") or None,
            environment=engine_facts(self._client)
            | _container_facts(self._container.attrs, image.attrs)
            | {"ready_after_s": round(ready_after_s, 3)}
            | (environment or {}),
        )
        return self

    def port(self) -> int | None:
        """Asked anew each time: the engine publishes another one when it restarts the container."""
        with engine_errors("looking for the target's port"):
            self._container.reload()
        for binding in self._container.attrs["NetworkSettings"]["Ports"].get(f"{self._inner_port}/tcp") or []:
            if binding["HostIp"] == _LOOPBACK:
                return int(binding["HostPort"])
        return None

    def state(self) -> TargetState:
        with engine_errors("asking for the target's state"):
            try:
                self._container.reload()
            except NotFound:
                return TargetState(running=False, detail="its container is gone: something else removed it")
        state = self._container.attrs["State"]
        oom_kills = self._oom.count(killed=bool(state.get("OOMKilled")))
        if state["Running"]:
            return TargetState(running=True, oom_kills=oom_kills)
        return TargetState(
            running=False, exit_code=state["ExitCode"], oom_kills=oom_kills, detail=self._end(state, oom_kills)
        )

    def logs_tail(self, lines: int = 50) -> str:
        try:
            return self._container.logs(tail=lines).decode("utf-8", "replace").rstrip()
        except ENGINE_ERRORS as error:
            return f"(its log can't be read: {short_reason(error)})"

    def close(self) -> None:
        self._cleanup.run()

    def _port_hint(self) -> str:
        port = self._inner_port
        exposed = sorted(set(self._container.attrs["Config"].get("ExposedPorts") or {}) - {f"{port}/tcp"})
        known = f" (its image exposes {', '.join(exposed)})" if exposed else ""
        return f"see that the app listens on 0.0.0.0 and port {port} in its container{known}"

    def _root_pid(self) -> int | None:
        pid = int(self._container.attrs["State"].get("Pid") or 0)
        if not pid or not is_local(self._client):
            return None
        try:
            cgroups = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8")
        except OSError:
            return None
        return pid if str(self._container.id) in cgroups else None

    def _end(self, state: dict[str, Any], oom_kills: int) -> str:
        limit = self._container.attrs["HostConfig"].get("Memory")
        if oom_kills:
            return f"killed for memory (limit {format_size(limit)})" if limit else "killed for memory"
        return str(state.get("Error") or "")


def remove_container(client: docker.DockerClient, name: str) -> None:
    """Kills and removes a container and its anonymous volumes; one that isn't there is fine."""
    try:
        client.api.remove_container(name, force=True, v=True)
    except NotFound:
        return
    except APIError as error:
        if "already in progress" not in short_reason(error):
            raise


def save_log(container: Container, log_dir: Path) -> None:
    """Writes the container's log to `target.log`; a log that can't be read is not worth a failure."""
    try:
        with (log_dir / LOG_NAME).open("wb") as file:
            file.writelines(container.logs(stream=True, follow=False))
    except (*ENGINE_ERRORS, OSError) as error:
        _log.info("the target's log was not kept: %s", short_reason(error))


def _container_facts(container: dict[str, Any], image: dict[str, Any]) -> dict[str, Any]:
    limits = container["HostConfig"]
    config = container["Config"]
    return {
        "image": config.get("Image"),
        "image_id": container.get("Image"),
        "image_digests": sorted(image.get("RepoDigests") or []),
        "image_created": image.get("Created"),
        "command": [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])],
        "memory_limit_bytes": limits.get("Memory") or None,
        "cpus": limits["NanoCpus"] / 1e9 if limits.get("NanoCpus") else None,
    }
