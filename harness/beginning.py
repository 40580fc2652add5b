"""A first scenario of an app: its routes asked for or read, what starts it guessed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from docker.models.containers import Container

from harness.errors import InputError
from harness.routes.document import fetch_document, read_file
from harness.routes.listing import LISTING_TIMEOUT_S, PROGRAM, ask_app, run_here
from harness.routes.openapi import described_routes
from harness.routes.route import Found
from harness.routes.source import is_app, port_of, read_app
from harness.routes.target import Target, target_of_folder, target_of_image, target_unknown
from harness.target import connect_engine, running_container
from harness.target.engine import engine_errors

# Ends the listing inside of the container, too, where the container can.
_LIMITED = 'if command -v timeout >/dev/null; then exec timeout "$0" "$@"; fi; exec "$@"'


@dataclass(frozen=True)
class Beginning:
    """What a scenario begins with; `title` is what it may be called by.

    `could_be_asked`: the source was read, and the app itself would tell more.
    """

    found: Found
    target: Target
    title: str
    could_be_asked: bool = False


def begin(app: str, base: Path, *, container: str | None = None, static: bool = False) -> Beginning:
    """Of a URL, a document or a folder, or of what runs in `container`; the scenario will be in `base`.

    `static`: the app's code is only read, never run. Raises InputError, EngineError.
    """
    is_url = app.startswith(("http://", "https://"))
    if container is not None:
        return _of_container(app, base, container, is_url=is_url)
    if is_url:
        return _of_url(app)
    path = Path(app)
    if path.is_dir():
        return _of_folder(path, base, static=static)
    if path.exists():
        found = described_routes(read_file(path), str(path))
        folder = path.resolve().parent
        return Beginning(found, target_of_folder(folder, base, found.port), found.title or path.stem)
    raise InputError(f"{app} is not there", hint="give an app's folder, an OpenAPI document, or a URL with http://")


def _of_url(url: str) -> Beginning:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise InputError(f"{url!r} is not a URL", hint="write it like http://127.0.0.1:9501")
    content, place = fetch_document(url)
    found = described_routes(content, place)
    return Beginning(found, target_unknown(port or found.port), found.title or host)


def _of_folder(folder: Path, base: Path, *, static: bool) -> Beginning:
    found = _routes_of(folder, static=static)
    return Beginning(found, target_of_folder(folder, base), folder.resolve().name, could_be_asked=True)


def _routes_of(folder: Path, *, static: bool) -> Found:
    """What the app lists itself where it can run here, else what its source says."""
    can_run = (folder / PROGRAM).is_file() and (folder / "vendor/autoload.php").is_file() and shutil.which("php")
    if static or not can_run:
        return read_app(folder)
    try:
        return replace(ask_app(run_here(folder), f"in {folder.resolve().name}"), port=port_of(folder))
    except InputError as error:
        found = read_app(folder)
        return replace(found, notes=(*found.notes, f"the app's own listing: {error.message}"))


def _of_container(app: str, base: Path, name: str, *, is_url: bool) -> Beginning:
    """The app lists its routes where it runs; beside a folder with files for it these tell what to start."""
    with closing(connect_engine()) as client:
        container = running_container(client, name)

        def run(command: Sequence[str]) -> tuple[int, str]:
            limited = ["sh", "-c", _LIMITED, str(LISTING_TIMEOUT_S), *command]
            with engine_errors(f"asking the app in the container {name}"):
                code, said = container.exec_run(limited, stdin=False)
            return int(code or 0), said.decode("utf-8", errors="replace") if isinstance(said, bytes) else ""

        found = ask_app(run, f"in the container {container.name}", _program(container))
        image, port = container.attrs["Config"]["Image"], _port(container)
    folder = None if is_url or not Path(app).is_dir() or not is_app(Path(app)) else Path(app)
    target = target_of_folder(folder, base, port) if folder else target_of_image(image, port)
    return Beginning(found, target, folder.resolve().name if folder else container.name or name)


def _program(container: Container) -> str:
    """Where the app's entry is, as the container's own command tells."""
    words = [container.attrs.get("Path") or "", *(container.attrs.get("Args") or [])]
    return next((word for word in words if word.endswith("hyperf.php")), PROGRAM)


def _port(container: Container) -> int | None:
    """The first TCP port that the container exposes."""
    exposed = container.attrs["Config"].get("ExposedPorts") or {}
    ports = sorted(int(key.partition("/")[0]) for key in exposed if key.endswith("/tcp"))
    return ports[0] if ports else None
