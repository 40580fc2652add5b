"""Blackfire's command line on the endpoint, where this machine has it and its credentials."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.diagnose.programs import run_program
from harness.diagnose.protocol import Findings, OutsideTool, Scene, ToolOutputError
from harness.diagnose.redaction import blackfire_secrets, redacted
from harness.model.diagnosis import Suspect, ToolName

PROGRAM = "blackfire"
CREDENTIALS = ("BLACKFIRE_CLIENT_ID", "BLACKFIRE_CLIENT_TOKEN")
MOST_SAMPLES = 100
DIMENSIONS = {"mu": "memory in use at the end of a request", "pmu": "peak of the memory during a request"}
USED = "Blackfire tells what one request uses, not what it keeps: compare it with the growth that was measured"
_OUTPUT = "blackfire.json"


@dataclass(frozen=True)
class Blackfire(OutsideTool):
    name: ClassVar[ToolName] = "blackfire"
    sends_itself: ClassVar[bool] = True

    def absent(self) -> str:
        if not shutil.which(PROGRAM):
            return "this machine has no program blackfire: install Blackfire's CLI (blackfire.io/docs/up-and-running)"
        if all(os.environ.get(name) for name in CREDENTIALS) or any(file.is_file() for file in _settings()):
            return ""
        return f"Blackfire has no credentials: set {' and '.join(CREDENTIALS)}, or run `blackfire client:config`"

    def tell(self, scene: Scene) -> list[str]:
        body = scene.folder / "body"
        body.write_bytes(scene.asked.body)
        command = [PROGRAM, "curl", "--json", "--samples", str(min(scene.requests, MOST_SAMPLES))]
        command += ["-X", scene.asked.method]
        command += [part for name, value in scene.asked.headers for part in ("-H", f"{name}: {value}")]
        command += ["--data-binary", f"@{body}"] if scene.asked.body else []
        ran = run_program([*command, scene.asked.url], scene.left_s("before Blackfire was asked"))
        secrets = secrets_here()
        (scene.folder / _OUTPUT).write_text(redacted(ran.out, secrets), encoding="utf-8")
        if ran.exit_code != 0:
            said = " ".join(redacted(ran.err or ran.out, secrets).split())[-300:]
            raise ToolOutputError(f"blackfire curl ended with exit code {ran.exit_code}: {said}")
        return []

    def outputs(self, folder: Path) -> Sequence[Path]:
        return [file for file in (folder / _OUTPUT,) if file.is_file()]

    def compare(self, fewer: Sequence[Path], more: Sequence[Path], requests: int) -> Findings:  # noqa: ARG002
        told = _read(more[0])
        envelope = told["envelope"]
        suspects = [
            Suspect(where="the whole request", bytes_per_request=envelope[key], calls_per_request=1.0, kind=kind)
            for key, kind in DIMENSIONS.items()
            if isinstance(envelope.get(key), int | float)
        ]
        return Findings(suspects, [USED, *_graph(told)])


def secrets_here() -> list[str]:
    """What must not be kept or shown: the credentials in this process's environment and in Blackfire's files."""
    return blackfire_secrets(os.environ, _settings())


def _read(file: Path) -> dict[str, Any]:
    try:
        told = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ToolOutputError(f"{file.name}: not the JSON of `blackfire curl --json`: {error}") from error
    if not isinstance(told, dict) or not isinstance(told.get("envelope"), Mapping):
        raise ToolOutputError(f"{file.name}: there is no envelope in it")
    return told


def _graph(told: Mapping[str, Any]) -> list[str]:
    """Where its graph is shown."""
    links = told.get("_links")
    link = links.get("graph_url") if isinstance(links, Mapping) else None
    address = link.get("href") if isinstance(link, Mapping) else None
    return [f"its graph: {address}"] if isinstance(address, str) else []


def _settings() -> list[Path]:
    return [Path.home() / ".blackfire.ini", Path.home() / ".config/blackfire/client.ini"]
