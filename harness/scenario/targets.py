"""As-written targets to the model's, with what they point to looked up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.model.target import AnyTargetSpec, BuildSpec, CommandSpec, ComposeSpec, ImageSpec, ReadyCheck
from harness.scenario.paths import existing
from harness.scenario.problems import Mistake
from harness.scenario.report import Report
from harness.scenario.requests import check_path
from harness.scenario.written import BuildWritten, ComposeWritten, TargetWritten


class TargetBuilder:
    """Builds the target; None comes back where something that it points to is missing."""

    def __init__(self, base: Path, environment: Mapping[str, str], report: Report) -> None:
        self._base = base
        self._environment = environment
        self._report = report

    def target(self, written: TargetWritten) -> AnyTargetSpec | None:
        common = self._common(written)
        found: list[AnyTargetSpec | None] = []
        if written.image is not None:
            found.append(ImageSpec(image=written.image, command=written.container_command, **common))
        if written.build is not None:
            found.append(self._build(written.build, written.container_command, common))
        if written.compose is not None:
            found.append(self._compose(written.compose, common))
        if written.command is not None:
            found.append(self._command(written.command, written, common))
        return found[0] if found else None

    def _command(self, command: tuple[str, ...], written: TargetWritten, common: dict[str, Any]) -> CommandSpec | None:
        cwd = existing(self._base, written.cwd, "folder", ("target", "cwd"), self._report, directory=True)
        if cwd is None:
            return None
        return CommandSpec(command=command, cwd=cwd, port_variable=written.port_variable, **common)

    def _common(self, written: TargetWritten) -> dict[str, Any]:
        if written.command is None and written.port == 0:
            mistake = Mistake("port 0 stands for a free one, which only a command can be given", "write the app's port")
            self._report.add(("target", "port"), mistake)
        check_path(written.ready.path, ("target", "ready", "path"), self._report)
        return {
            "port": written.port or 0,
            "environment": self._filled(written.environment),
            "memory_limit_bytes": written.memory_limit_bytes,
            "cpus": written.cpus,
            "ready": ReadyCheck.model_validate(written.ready.model_dump()),
        }

    def _build(self, build: BuildWritten, command: tuple[str, ...], common: dict[str, Any]) -> BuildSpec | None:
        where = ("target", "build")
        context = existing(self._base, build.context, "folder", (*where, "context"), self._report, directory=True)
        if context is None:
            return None
        dockerfile = existing(
            context, build.dockerfile, "Dockerfile", (*where, "dockerfile"), self._report, start="the build context"
        )
        if dockerfile is None:
            return None
        args = self._filled(build.args)
        return BuildSpec(context=context, dockerfile=build.dockerfile, args=args, command=command, **common)

    def _compose(self, compose: ComposeWritten, common: dict[str, Any]) -> ComposeSpec | None:
        where = ("target", "compose", "file")
        found = [
            existing(self._base, name, "compose file", (*where, index), self._report)
            for index, name in enumerate(compose.files)
        ]
        files = tuple(file for file in found if file is not None)
        return ComposeSpec(files=files, service=compose.service, **common) if len(files) == len(found) else None

    def _filled(self, pairs: dict[str, str | None]) -> dict[str, str]:
        return filled(pairs, self._environment)


def filled(pairs: Mapping[str, str | None], environment: Mapping[str, str]) -> dict[str, str]:
    """A name without a value takes the host's, and is left out where the host has none (as in Compose)."""
    taken = {name: environment.get(name) if value is None else value for name, value in pairs.items()}
    return {name: value for name, value in taken.items() if value is not None}
