"""A scenario whose target is taken from another checkout of the same repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from harness.errors import InputError, StorageError
from harness.model.scenario import Scenario
from harness.model.target import AnyTargetSpec, BuildSpec, CommandSpec, ComposeSpec

SOURCE_VARIABLE = "HYPERLEAK_SOURCE"


def at_source(scenario: Scenario, root: Path, tree: Path) -> Scenario:
    """The scenario with every path of its target below `root` moved to the same place below `tree`.

    That are the build context, the compose files (and with them what they name by relative paths), the command's folder
    and arguments, and variables that hold a path. Raises InputError where nothing of the target is below either.
    """
    target = _moved(scenario.target, root, tree)
    if target == scenario.target and not _mentions(target, tree):
        raise InputError(
            f"the target of {scenario.source} takes nothing from {root}: every revision would be the same",
            hint=f"let build.context, compose.file, command or cwd lie in it, or name it by ${{{SOURCE_VARIABLE}}}",
        )
    return scenario.model_copy(update={"target": target, "source": tree})


def missing(target: AnyTargetSpec) -> Path | None:
    """What the target needs before it can be built or started, and isn't there."""
    if isinstance(target, BuildSpec):
        needed: tuple[Path, ...] = (target.context / target.dockerfile,)
    elif isinstance(target, ComposeSpec):
        needed = target.files
    else:
        needed = (target.cwd,) if isinstance(target, CommandSpec) else ()
    return next((path for path in needed if not path.exists()), None)


def _moved(target: AnyTargetSpec, root: Path, tree: Path) -> AnyTargetSpec:
    changes: dict[str, Any] = {
        "environment": {name: _moved_text(text, root, tree) for name, text in target.environment.items()}
    }
    if isinstance(target, BuildSpec):
        changes["context"] = _moved_path(target.context, root, tree)
    elif isinstance(target, ComposeSpec):
        changes["files"] = tuple(_moved_path(file, root, tree) for file in target.files)
    elif isinstance(target, CommandSpec):
        cwd = _moved_path(target.cwd, root, tree)
        changes["cwd"] = cwd
        changes["command"] = tuple(_argument(text, target.cwd, cwd, root, tree) for text in target.command)
    return target.model_copy(update=changes)


def _argument(text: str, cwd: Path, moved_cwd: Path, root: Path, tree: Path) -> str:
    """An argument that leads into the checkout; a relative one follows the command's folder where that was moved."""
    if "/" not in text or (moved_cwd != cwd and not Path(text).is_absolute()):
        return text
    return _moved_text(os.path.normpath(cwd / text), root, tree) if _is_below(cwd / text, root) else text


def _moved_text(text: str, root: Path, tree: Path) -> str:
    return str(_moved_path(Path(text), root, tree)) if Path(text).is_absolute() else text


def _moved_path(path: Path, root: Path, tree: Path) -> Path:
    inside = _is_below(path, root) and not _is_below(path, tree)
    return tree / Path(os.path.normpath(path)).relative_to(root) if inside else path


def _is_below(path: Path, root: Path) -> bool:
    return Path(os.path.normpath(path)).is_relative_to(root)


def _mentions(target: AnyTargetSpec, tree: Path) -> bool:
    """Whether the scenario named the worktree itself, or a compose file of elsewhere does."""
    if str(tree) in target.model_dump_json():
        return True
    try:
        return isinstance(target, ComposeSpec) and any(SOURCE_VARIABLE in file.read_text() for file in target.files)
    except OSError as error:
        raise StorageError(f"a compose file can't be read: {error}") from error
