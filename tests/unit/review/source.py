"""A small app around the lines that a test is about."""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness.model.review import Finding
from harness.review import inspect_folder

REQUEST = "use Psr\\Http\\Message\\ServerRequestInterface as Request;"


def controller(body: str, members: str = "", more: str = "") -> str:
    """A controller whose `show` runs `body`; `members` stand in its class, `more` beside it."""
    return f"""<?php
namespace App;
{REQUEST}
use Hyperf\\Coordinator\\CoordinatorManager;
use Hyperf\\Logger\\LoggerFactory;
use Swoole\\Coroutine;
use Swoole\\Coroutine\\Channel;
use Swoole\\Timer;
final class ShopController
{{
    {members}
    public function show(Request $request): string
    {{
        {body}
        return "ok";
    }}
}}
{more}
"""


def findings(*files: str) -> tuple[Finding, ...]:
    with tempfile.TemporaryDirectory() as name:
        for number, source in enumerate(files):
            (Path(name) / f"File{number}.php").write_text(source)
        return inspect_folder(Path(name)).findings


def rules(*files: str) -> list[str]:
    """Rules of what is likely."""
    return [found.rule for found in findings(*files) if found.likelihood == "likely"]
