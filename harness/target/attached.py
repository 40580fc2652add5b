"""Something that already runs, measured as it is: nothing is started, changed or stopped."""

from __future__ import annotations

import docker
import psutil
from docker.errors import NotFound
from docker.models.containers import Container

from harness.errors import InputError
from harness.model.target import TargetHandle
from harness.target.engine import engine_errors, engine_facts, is_local


def running_container(client: docker.DockerClient, name: str) -> Container:
    """The container of that name or id, which has to run. Raises InputError, EngineError."""
    with engine_errors(f"looking for the container {name}"):
        try:
            container = client.containers.get(name)
        except NotFound as error:
            raise InputError(f"there is no container {name!r}", hint="`docker ps` lists those that run") from error
    if container.status != "running":
        raise InputError(f"the container {name!r} is {container.status}", hint="start it, or name one that runs")
    return container


def attach_container(client: docker.DockerClient, name: str, base_url: str) -> TargetHandle:
    """The running container of that name or id. Raises InputError, EngineError."""
    container = running_container(client, name)
    with engine_errors(f"asking the engine of the container {name}"):
        facts = engine_facts(client)
    state, host = container.attrs["State"], container.attrs["HostConfig"]
    return TargetHandle(
        kind="attached",
        base_url=base_url,
        root_pid=state["Pid"] if is_local(client) else None,
        container_id=container.id,
        memory_limit_bytes=host.get("Memory") or None,
        environment={"container": container.name, "image_id": container.attrs["Image"], **facts},
    )


def attach_process(pid: int, base_url: str) -> TargetHandle:
    """The running process and its descendants. Raises InputError."""
    try:
        name = psutil.Process(pid).name()
    except psutil.Error as error:
        raise InputError(f"there is no process {pid}", hint="give the pid of the server's master process") from error
    return TargetHandle(kind="attached", base_url=base_url, root_pid=pid, environment={"process": name})
