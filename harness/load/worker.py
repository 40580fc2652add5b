"""Joins another machine to a load: `python -m harness.load.worker HOST:PORT`, where the master listens.

It may be started before the harness, waits five minutes for it, sends its share of every window's requests and ends
with the run. The master tells it everything, the login's password too: use a network that you trust.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

LOCUSTFILE = Path(__file__).with_name("locustfile.py")


def locust_command(*arguments: str) -> list[str]:
    """Locust without web page, statistics and log of its own."""
    return [
        sys.executable, "-m", "harness.load.launch", "-f", str(LOCUSTFILE),
        "--headless", "--only-summary", "--skip-log-setup", *arguments,
    ]  # fmt: skip


def worker_arguments(host: str, port: int) -> list[str]:
    return ["--worker", "--master-host", host, "--master-port", str(port)]


def python_path() -> str:
    """PYTHONPATH with which Locust finds this package, installed or not."""
    ours = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, [ours, os.environ.get("PYTHONPATH")]))


def main(arguments: list[str]) -> None:
    host, _, port = arguments[0].rpartition(":") if len(arguments) == 1 else ("", "", "")
    if not host or not port.isdigit():
        raise SystemExit("usage: python -m harness.load.worker HOST:PORT")
    command = locust_command(*worker_arguments(host, int(port)))
    os.execve(command[0], command, {**os.environ, "PYTHONPATH": python_path()})


if __name__ == "__main__":
    main(sys.argv[1:])
