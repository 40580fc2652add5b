"""Stands for a run in tests of what is around it: reads its order, does as the variable BEHAVIOUR says, writes its end.

It imports nothing of the product, so that it starts at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

ENDPOINT = {
    "name": "GET /a",
    "bytes_per_request": 640.0,
    "ci95": [630.0, 650.0],
    "p_value": 0.0,
    "requests": 100,
    "channel": "php_heap",
}


def main() -> None:
    order = json.load(sys.stdin)
    folder = Path(order["folder"])
    with Path(os.environ["MADE"]).open("a") as made:
        made.write(f"{folder.name} {os.environ.get('DOCKER_HOST', '')} {time.monotonic()}\n")
    behaviour = os.environ.get("BEHAVIOUR", "clean")
    if behaviour == "crash":
        print("last words", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour in ("slow", "deaf"):
        stopped = {"exit_code": 130, "error": "stopped early"}
        signal.signal(signal.SIGINT, signal.SIG_IGN if behaviour == "deaf" else lambda *_: _end(folder, stopped))
        (folder / "slow").touch()
        time.sleep(60)
    if behaviour == "linger":
        time.sleep(0.4)
    if behaviour == "fails" or (behaviour == "fails-once" and folder.name.endswith(".1")):
        _end(folder, {"exit_code": 4, "error": "no\x1b[31m engine", "hint": "start it"})
    leaks = behaviour == "leak" or (behaviour == "sometimes" and "+1+" in folder.name)
    found = ENDPOINT | {"verdict": "leak" if leaks else "clean"}
    outcome = "leak" if leaks else "clean"
    record = {
        "run_id": order["run_id"],
        "outcome": outcome,
        "endpoints": [found],
        "environment": {"seed": _seed(order)},
    }
    (folder / "record.json").write_text(json.dumps(record))
    _end(folder, {"exit_code": int(leaks), "engine": order["engine"], "took_s": 0.5})


def _seed(order: dict[str, Any]) -> int:
    return int(order["scenario"]["seed"])


def _end(folder: Path, outcome: dict[str, Any]) -> None:
    (folder / "outcome.json").write_text(json.dumps(outcome))
    os._exit(int(outcome["exit_code"]))


if __name__ == "__main__":
    main()
