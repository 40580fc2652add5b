"""The routes of a Hyperf app's folder, read in its source alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from harness.errors import InputError
from harness.routes.annotations import annotated_routes
from harness.routes.route import Found, Route, unique
from harness.routes.router_file import registered_routes

SOURCES: Final = ("app", "src")
ROUTES_FILE: Final = "config/routes.php"
SERVER_FILE: Final = "config/autoload/server.php"
MOST_FILES: Final = 20_000
LARGEST_BYTES: Final = 2 * 1024**2
DEFAULT_PORT: Final = 9501


def is_app(folder: Path) -> bool:
    """Whether it looks like the folder of a Hyperf app."""
    return any((folder / name).exists() for name in ("bin/hyperf.php", ROUTES_FILE, SERVER_FILE))


def read_app(folder: Path) -> Found:
    """Routes of attributes and of config/routes.php. Raises InputError where there are none at all."""
    told = list(_told(folder))
    routes = unique(found for found in told if isinstance(found, Route))
    notes = tuple(found for found in told if isinstance(found, str))
    if not routes:
        raise InputError(
            f"{folder}: no route was found in its source{': ' + notes[0] if notes else ''}",
            hint="give the folder that has app/ and config/, a container that it runs in (--container), "
            "or its OpenAPI document",
        )
    return Found(routes, f"the source of {folder.resolve().name}", notes, port=port_of(folder))


def port_of(folder: Path) -> int:
    """The first port in the app's configuration of servers."""
    try:
        found = re.search(
            r"'port'\s*=>\s*(?:\(int\)\s*)?(?:\\?\w+\([^,()]*,\s*)?(\d{2,5})\b", _read(folder / SERVER_FILE)
        )
    except OSError:
        return DEFAULT_PORT
    return int(found[1]) if found and int(found[1]) < 65536 else DEFAULT_PORT


def _told(folder: Path) -> Iterator[Route | str]:
    routes_file = folder / ROUTES_FILE
    if routes_file.is_file():
        yield from registered_routes(ROUTES_FILE, routes_file.read_bytes())
    for file in _php_files(folder):
        yield from annotated_routes(str(file.relative_to(folder)), file.read_bytes())


def _php_files(folder: Path) -> Iterable[Path]:
    """The app's own, without what links lead out to and what nobody wrote by hand."""
    found = [file for name in SOURCES for file in sorted((folder / name).rglob("*.php"))]
    own = [file for file in found[:MOST_FILES] if file.is_file() and file.stat().st_size <= LARGEST_BYTES]
    root = folder.resolve()
    return [file for file in own if file.resolve().is_relative_to(root)]


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
