"""Starts a compose project of its own and takes one service of it as the target."""

from __future__ import annotations

import logging
import re
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import docker
import yaml
from docker.models.containers import Container

from harness.errors import InputError, TargetError
from harness.model.target import ComposeSpec
from harness.target.cleanup import Cleanup
from harness.target.compose_file import Document, measurable, published_elsewhere
from harness.target.compose_program import ComposeProgram, find_compose
from harness.target.container import ContainerTarget, save_log
from harness.target.engine import engine_errors, require_reachable
from harness.target.image import image_environment
from harness.target.labels import RunLabels, owner_labels
from harness.target.objects import labelled_objects, remove_object
from harness.target.workspace import make_workspace

_log = logging.getLogger(__name__)

_UP_TIMEOUT_S = 1800.0
_DOWN_TIMEOUT_S = 90.0
_STOP_GRACE_S = "2"
_TAIL_LINES = 30
_PROJECT_LABEL = "com.docker.compose.project"
_SERVICE_LABEL = "com.docker.compose.service"


@dataclass(frozen=True)
class Project:
    """A rewritten compose file under a project name of its own."""

    program: ComposeProgram
    name: str
    arguments: tuple[str, ...]
    log: Path

    def up(self) -> None:
        """Builds, pulls and starts every service. Raises TargetError with the end of compose's output."""
        finished = self.program.run([*self.arguments, "up", "-d"], self.log, _UP_TIMEOUT_S)
        if finished.exit_code != 0:
            what = "took too long" if finished.exit_code is None else "failed"
            raise TargetError(
                f"`docker compose up` {what}; the end of its output:\n{_quoted(finished.output)}",
                hint="see that the same compose file comes up by hand with `docker compose up`",
            )

    def down(self) -> None:
        """Removes containers, networks, volumes and the images it built. Raises TargetError."""
        down = ["down", "-v", "--remove-orphans", "--rmi", "local", "-t", _STOP_GRACE_S]
        finished = self.program.run([*self.arguments, *down], self.log, _DOWN_TIMEOUT_S)
        if finished.exit_code != 0:
            raise TargetError(f"`docker compose down` failed:\n{_quoted(finished.output)}")


def start_compose(
    spec: ComposeSpec, run: RunLabels, client: docker.DockerClient, cleanup: Cleanup, log_dir: Path | None
) -> ContainerTarget:
    """Raises InputError for a file or service that can't be measured, TargetError, EngineError."""
    require_reachable(client)
    program = find_compose()
    document = _resolved(program, spec)
    folder = make_workspace(run)
    cleanup.add(f"folder {folder}", partial(shutil.rmtree, folder))
    image = str((document.get("services") or {}).get(spec.service, {}).get("image") or "")
    known = image_environment(client, image) if image and spec.injection else {}
    project = _project(program, spec, measurable(document, spec, owner_labels(run), known), run, folder, log_dir)
    if dropped := published_elsewhere(document, spec):
        _log.info("ports that are published by %s are not, during the measurement", ", ".join(dropped))
    marks = [f"{name}={text}" for name, text in owner_labels(run).items()]
    cleanup.add(f"what is left of project {project.name}", partial(_remove_rest, client, marks), by_engine=True)
    cleanup.add(f"project {project.name}", project.down)
    project.up()
    container = _target_container(client, project, spec)
    if log_dir is not None:
        cleanup.add("the target's log", partial(save_log, container, log_dir), by_engine=True)
    target = ContainerTarget(client, container, spec.port, cleanup)
    target.become_ready("compose", spec.ready, _facts(client, project, spec))
    _let_it_die(container)
    return target


def _resolved(program: ComposeProgram, spec: ComposeSpec) -> Document:
    missing = [str(file) for file in spec.files if not file.is_file()]
    if missing:
        raise InputError(f"there is no compose file {', '.join(missing)}", hint="correct target.files")
    answer = program.ask([*_originals(spec), "config"])
    where = ", ".join(str(file) for file in spec.files)
    if answer.returncode != 0:
        raise InputError(f"compose can't read {where}:\n{_quoted(answer.stderr)}", hint="correct the compose file")
    document = yaml.safe_load(answer.stdout)
    if not isinstance(document, dict):
        raise InputError(f"{where} describes no services", hint="correct target.files")
    return document


def _originals(spec: ComposeSpec) -> list[str]:
    files = [argument for file in spec.files for argument in ("-f", str(file))]
    return [*files, "--project-directory", str(spec.files[0].parent)]


def _project(
    program: ComposeProgram, spec: ComposeSpec, document: Document, run: RunLabels, folder: Path, log_dir: Path | None
) -> Project:
    name = project_name(run)
    file = folder / "compose.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    arguments = ("-p", name, "-f", str(file), "--project-directory", str(spec.files[0].parent))
    return Project(program, name, arguments, (log_dir or folder) / "compose.log")


def project_name(run: RunLabels) -> str:
    """What both compose programs take as it is: lower case letters, digits, '_' and '-'."""
    return re.sub(r"[^a-z0-9_-]", "-", f"hyperleak-{run.slug}".lower())


def _target_container(client: docker.DockerClient, project: Project, spec: ComposeSpec) -> Container:
    wanted = [f"{_PROJECT_LABEL}={project.name}", f"{_SERVICE_LABEL}={spec.service}"]
    with engine_errors("looking for the target's container"):
        found = client.containers.list(all=True, filters={"label": wanted})
    if not found:
        raise TargetError(f"compose started no container for the service {spec.service!r}")
    return found[0]


def _let_it_die(container: Container) -> None:
    """A restart policy would hide that the target died; until it is ready it may need one to wait for its database."""
    with engine_errors("taking the target's restart policy away"):
        if (container.attrs["HostConfig"].get("RestartPolicy") or {}).get("Name") not in ("", "no", None):
            container.update(restart_policy={"Name": "no"})  # type: ignore[arg-type]  # the stubs leave it out


def _remove_rest(client: docker.DockerClient, marks: list[str]) -> None:
    for found in labelled_objects(client, marks):
        remove_object(client, found)


def _facts(client: docker.DockerClient, project: Project, spec: ComposeSpec) -> dict[str, Any]:
    with engine_errors("looking at the target's services"):
        containers = client.api.containers(all=True, filters={"label": f"{_PROJECT_LABEL}={project.name}"})
    return {
        "compose_version": project.program.version,
        "compose_files": [str(file) for file in spec.files],
        "service": spec.service,
        "services": {c["Labels"].get(_SERVICE_LABEL, ""): c["ImageID"] for c in containers},
    }


def _quoted(output: str) -> str:
    return "\n".join(f"  | {line}" for line in output.rstrip().splitlines()[-_TAIL_LINES:])
