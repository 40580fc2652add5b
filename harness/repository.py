"""A git repository whose revisions are measured in a worktree of their own: the user's checkout is never touched.

Git keeps what a bisection needs (HEAD, the index, refs/bisect, its log) apart for each worktree, so a bisection that
the user has under way in the same repository isn't touched either.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from harness.errors import HyperleakError, InputError, MeasureError
from harness.model.bisection import Commit

Side = Literal["old", "new", "skip"]

_TIMEOUT_S = 600.0
_LOG_FIELDS = "%H%x01%an%x01%aI%x01%P%x01%s"
# No hook, monitor or pager of the user's runs for our checkouts; refs and objects are those of his repository.
_OPTIONS: Final = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false")
# What a hook or a `git bisect run` around us sets would send git to another repository.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
_NO_CHECKOUT = "--no-checkout"
_ENDED = ("# first ", "# only skipped commits left")


@dataclass(frozen=True)
class Git:
    """Git in one folder."""

    folder: Path

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Raises MeasureError where there is no git, or it takes more than ten minutes."""
        try:
            return subprocess.run(
                ["git", *_OPTIONS, "-C", str(self.folder), *arguments],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT_S,
                env=_environment(os.environ),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MeasureError(f"git can't be run: {error}", hint="install git 2.31 or later") from error

    def say(self, *arguments: str) -> str:
        """Its output; raises MeasureError with what it complains of."""
        done = self.ask(*arguments)
        if done.returncode != 0:
            raise _complaint(MeasureError, f"`git {' '.join(arguments[:2])}` failed in {self.folder}", done)
        return done.stdout


@dataclass(frozen=True)
class Repository:
    """`root` is the top of the user's checkout, or the repository itself where it is bare."""

    root: Path

    def commit_of(self, revision: str) -> str:
        """The full id of the commit that a revision names. Raises InputError."""
        done = self._git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if done.returncode != 0:
            raise InputError(
                f"{self.root} has no revision {revision!r}",
                hint="give a commit, a branch or a tag; `git fetch` may help",
            )
        return done.stdout.strip()

    def commits(self, shas: Sequence[str]) -> tuple[Commit, ...]:
        """What git knows of each commit, without its files."""
        shown = self._git.say("show", "--no-patch", "-z", f"--format={_LOG_FIELDS}", *shas) if shas else ""
        rows = [row.split("\x01") for row in shown.split("\0") if row]
        return tuple(
            Commit(
                sha=sha,
                author=author,
                author_date=datetime.fromisoformat(date),
                subject=subject,
                parents=tuple(parents.split()),
            )
            for sha, author, date, parents, subject in rows
        )

    def commit(self, sha: str) -> Commit:
        """One commit, with the files that it changed."""
        (found,) = self.commits([sha])
        return found.model_copy(update={"files": self._files(found)})

    def check_order(self, older: str, newer: str) -> None:
        """Raises InputError where no commit between them can have brought what the newer one has."""
        if older == newer:
            raise InputError(f"both revisions are the commit {older[:12]}", hint="give two different ones")
        if self.is_ancestor(newer, older):
            raise InputError(
                f"{newer[:12]} is an ancestor of {older[:12]}, so it can't have got its state from there",
                hint="exchange --good and --bad, or look for the other change: --find leak, --find fix",
            )
        if self._git.ask("merge-base", older, newer).returncode != 0:
            raise InputError(f"{older[:12]} and {newer[:12]} have no history in common")

    def is_ancestor(self, first: str, second: str) -> bool:
        """Whether `second` has all changes of `first`; a commit has its own."""
        return self._git.ask("merge-base", "--is-ancestor", first, second).returncode == 0

    def range(self, newer: str, olders: Sequence[str]) -> tuple[list[str], list[str]]:
        """Commits that `newer` has and `olders` don't, the newest first; and those that they directly come from."""
        listed = self._git.say("rev-list", "--boundary", newer, *(f"^{older}" for older in olders)).split()
        return [sha for sha in listed if sha[0] != "-"], [sha[1:] for sha in listed if sha[0] == "-"]

    def add_tree(self, folder: Path, sha: str, mark: str) -> BisectTree:
        """A new worktree in `folder` (not existing), at `sha`; `mark` says whose it is, and keeps others off."""
        self._git.say("worktree", "add", "--quiet", "--detach", str(folder), sha)
        self._git.say("worktree", "lock", "--reason", mark, str(folder))
        return BisectTree(folder)

    def marked_trees(self) -> dict[Path, str]:
        """Every worktree that is locked, and why; also those whose folders are gone."""
        entries = self._git.say("worktree", "list", "--porcelain").split("\n\n")
        fields = [dict(line.partition(" ")[::2] for line in entry.splitlines()) for entry in entries]
        return {Path(entry["worktree"]): entry["locked"] for entry in fields if entry.get("locked")}

    def remove_tree(self, folder: Path) -> None:
        """Removes a worktree with all that git keeps of it, also where its folder is gone already."""
        self._git.say("worktree", "remove", "--force", "--force", str(folder))

    def _files(self, commit: Commit) -> tuple[str, ...]:
        compared = (commit.parents[0], commit.sha) if commit.parents else ("--root", commit.sha)
        listed = self._git.say("diff-tree", "-r", "-z", "--no-commit-id", "--name-only", *compared)
        return tuple(name for name in listed.split("\0") if name)

    @property
    def _git(self) -> Git:
        return Git(self.root)


@dataclass(frozen=True)
class BisectTree:
    """A worktree with a bisection of its own, which git decides and we check out: apps leave files in the way."""

    folder: Path

    def check_out(self, sha: str) -> None:
        """The files of `sha` and nothing else: what an app left behind is gone. Raises MeasureError."""
        self._git.say("clean", "-ffdxq")
        self._git.say("checkout", "--quiet", "--detach", "--force", sha)

    def start(self, terms: Mapping[Side, str], newer: str, older: str) -> None:
        """Begins a bisection, ending one before. Raises InputError where git refuses."""
        self._git.ask("bisect", "reset", "HEAD")
        named = [f"--term-new={terms['new']}", f"--term-old={terms['old']}"] if terms["new"] != "bad" else []
        done = self._git.ask("bisect", "start", _NO_CHECKOUT, *named, newer, older)
        if done.returncode != 0:
            raise _complaint(InputError, "git can't bisect these revisions", done)

    def next(self) -> str:
        """The commit that git wants to know about."""
        return self._git.say("rev-parse", "--verify", "BISECT_HEAD").strip()

    def mark(self, term: str, sha: str) -> None:
        """Tells git about a commit. Raises InputError where it has no way to go on."""
        done = self._git.ask("bisect", term, sha)
        if done.returncode != 0 and not self.ended():
            raise _complaint(InputError, f"git can't go on after {sha[:12]} is {term}", done)

    def ended(self) -> bool:
        """Whether git has nothing more to test: one commit is left, or those that can't be tested are."""
        return any(line.startswith(_ENDED) for line in self.log().splitlines())

    def log(self) -> str:
        """What `git bisect replay` takes."""
        file = self._git.say("rev-parse", "--git-path", "BISECT_LOG").rstrip("\n")
        return (self.folder / file).read_text(encoding="utf-8", errors="replace").replace(f"'{_NO_CHECKOUT}' ", "")

    def bounds(self, terms: Mapping[Side, str]) -> tuple[str, list[str]]:
        """The oldest commit that is known to be new, and the ones that are known to be old."""
        newer = self._git.say("rev-parse", f"refs/bisect/{terms['new']}").strip()
        olders = self._git.say("for-each-ref", "--format=%(objectname)", f"refs/bisect/{terms['old']}-*").split()
        return newer, olders

    @property
    def _git(self) -> Git:
        return Git(self.folder)


def open_repository(folder: Path) -> Repository:
    """The repository that `folder` is in. Raises InputError."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}", hint="correct --repo")
    git = Git(folder)
    found = git.ask("rev-parse", "--show-toplevel")
    if found.returncode != 0:
        found = git.ask("rev-parse", "--absolute-git-dir")
    if found.returncode != 0:
        raise _complaint(InputError, f"{folder} is in no git repository", found, hint="correct --repo")
    return Repository(Path(found.stdout.strip()).resolve())


def _complaint(
    kind: type[HyperleakError], what: str, done: subprocess.CompletedProcess[str], *, hint: str = ""
) -> HyperleakError:
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return kind(f"{what}: {' '.join(said[-4:])}" if said else what, hint=hint)


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    kept = {name: text for name, text in inherited.items() if name not in _FOREIGN}
    return kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
