"""What a scenario is to start, as the app's folder tells: a compose file, a Dockerfile, or the command itself."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from harness.routes.source import DEFAULT_PORT, is_app, port_of

COMPOSE_FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
PLACEHOLDER_IMAGE: Final = "your-app:latest"
_LIKELY: Final = ("app", "hyperf", "web", "http", "api", "server", "php")


@dataclass(frozen=True)
class Target:
    """The section as it is written; `remark` is what a person has to look at."""

    section: Mapping[str, Any]
    remark: str = ""


def target_of_folder(folder: Path, base: Path, port: int | None = None) -> Target:
    """By what is in `folder`; paths start from `base`, where the scenario will be."""
    for name in COMPOSE_FILES:
        if (folder / name).is_file() and (found := _composed(folder, name, base, port)):
            return found
    if (folder / "Dockerfile").is_file():
        exposed = _exposed(folder / "Dockerfile")
        section = {"build": {"context": _from(base, folder)}, "port": port or exposed or port_of(folder)}
        return Target(section)
    if is_app(folder):
        command = ["php", "bin/hyperf.php", "start"]
        section = {"command": command, "cwd": _from(base, folder), "port": port or port_of(folder)}
        return Target(section, "neither a compose file nor a Dockerfile was found: it runs as local processes")
    return target_unknown(port)


def target_of_image(image: str, port: int | None) -> Target:
    """What a running container was started from."""
    section = {"image": image, "port": port or DEFAULT_PORT}
    return Target(section, "the image of the running container; give it the environment that it needs")


def target_unknown(port: int | None) -> Target:
    section = {"image": PLACEHOLDER_IMAGE, "port": port or DEFAULT_PORT}
    return Target(section, "put what starts your app here: an image, a build, a compose file or a command")


def _composed(folder: Path, name: str, base: Path, port: int | None) -> Target | None:
    try:
        services = yaml.safe_load((folder / name).read_text(encoding="utf-8")).get("services")
    except (OSError, ValueError, yaml.YAMLError, AttributeError, RecursionError):
        return None
    described = {str(key): value for key, value in (services or {}).items() if isinstance(value, Mapping)}
    service = _service(described)
    if service is None:
        return None
    section = {
        "compose": {"file": _from(base, folder / name), "service": service},
        "port": _inner_port(described[service]) or port or port_of(folder),
    }
    others = f"; the file has {len(described)} services: is {service} the app?" if len(described) > 1 else ""
    return Target(section, others.lstrip("; "))


def _service(services: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The one that is built here, then one with a likely name, then one with a port."""
    built = [name for name, service in services.items() if "build" in service]
    likely = [name for name in _LIKELY if name in services]
    published = [name for name, service in services.items() if service.get("ports")]
    both = [name for name in likely if name in built]
    return next(iter([*both, *built, *likely, *published, *services]), None)


def _inner_port(service: Mapping[str, Any]) -> int | None:
    """The container's side of the first port that is published or exposed."""
    for written in [*_listed(service.get("ports")), *_listed(service.get("expose"))]:
        text = str(written.get("target", "")) if isinstance(written, Mapping) else str(written)
        found = re.search(r"(?:^|:)(\d{1,5})(?:/tcp)?$", text)
        if found and 0 < int(found[1]) < 65536:
            return int(found[1])
    return None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _exposed(dockerfile: Path) -> int | None:
    try:
        found = re.search(r"(?mi)^\s*EXPOSE\s+(\d{1,5})", dockerfile.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return int(found[1]) if found and 0 < int(found[1]) < 65536 else None


def _from(base: Path, path: Path) -> str:
    """The path as the scenario writes it: from its own folder on."""
    return os.path.relpath(path.resolve(), base.resolve())
