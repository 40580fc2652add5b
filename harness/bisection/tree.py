"""The worktree of one search, which goes with it; those of searches that were killed are found by their mark."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.bisection.source import SOURCE_VARIABLE
from harness.repository import BisectTree, Repository
from harness.target.labels import Owner, RunLabels, this_process
from harness.target.workspace import mark_owner

_PREFIX = "hyperleak-bisect-"
_MARK = "hyperleak bisect "


@contextmanager
def own_tree(repository: Repository, sha: str) -> Iterator[BisectTree]:
    """A worktree at `sha` among the temporary files; its folder is in the environment meanwhile."""
    remove_dead_trees(repository)
    workspace = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    folder = workspace / "source"
    try:
        mark_owner(workspace, RunLabels(run_id=workspace.name, scenario=""))
        tree = repository.add_tree(folder, sha, f"{_MARK}{this_process()}")
        with _in_environment(folder):
            yield tree
    finally:
        if folder in repository.marked_trees():
            repository.remove_tree(folder)
        shutil.rmtree(workspace, ignore_errors=True)


def remove_dead_trees(repository: Repository) -> None:
    """Removes the worktrees of searches of this machine that were killed."""
    for folder, reason in repository.marked_trees().items():
        owner = Owner.parse(reason.removeprefix(_MARK)) if reason.startswith(_MARK) else None
        if owner and owner.is_dead():
            repository.remove_tree(folder)
            shutil.rmtree(folder.parent, ignore_errors=True)


@contextmanager
def _in_environment(folder: Path) -> Iterator[None]:
    """For compose files and commands that name the source themselves."""
    before = os.environ.get(SOURCE_VARIABLE)
    os.environ[SOURCE_VARIABLE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[SOURCE_VARIABLE]
        else:
            os.environ[SOURCE_VARIABLE] = before
