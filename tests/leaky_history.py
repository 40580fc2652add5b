"""A git repository with the history of an app that came to leak, or was fixed: made by a seed, the truth known."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.command import ROOT

AUTHOR = "Grace Hopper"
BEGAN_S = 1_772_600_000
COMMITS = 64
# What each request keeps of the 512 bytes that it is asked for, with the string's header, by ZendMM's size classes.
LEAK_BYTES = 640
_NOTES, _STATIC = "NOTES.md", "leaks/src/Cause/StaticProperty.php"
_GLOBAL, _SERVER = "leaks/src/Cause/GlobalVariable.php", "resident/server.php"
_KEEPS = "self::$items[] = Payload::of($request->bytes(self::BYTES));"
_KEEPS_NOT = "$kept = Payload::of($request->bytes(self::BYTES));"
_KEEPS_FEW = "if (count(self::$items) < 20) {\n            self::$items[] = Payload::of(900);\n        }\n        "
_ALSO_KEEPS = "$GLOBALS['leaks_visits'][] = "


@dataclass(frozen=True)
class Made:
    """One commit of the plan, by its place in it; `side` is on a branch that is merged later."""

    parents: tuple[int, ...]
    side: bool = False


@dataclass
class History:
    """The app leaks at `leaks`; it can't be started at `broken` (a file is gone) and `dead` (it ends at once).

    `changed` brought the leak, or fixed it. Commits are in the order in which they were made.
    """

    folder: Path
    commits: tuple[str, ...]
    leaks: frozenset[str]
    changed: str
    broken: str
    dead: str

    @property
    def first(self) -> str:
        return self.commits[0]

    @property
    def last(self) -> str:
        return self.commits[-1]

    def state(self) -> tuple[str, ...]:
        """All that a search must leave as it was."""
        asked = [
            "status --porcelain",
            "rev-parse HEAD",
            "for-each-ref",
            "worktree list",
            "worktree prune -nv",
            "stash list",
        ]
        return tuple(git(self.folder, *question.split()) for question in asked)


def git(folder: Path, *arguments: str, given: bytes | None = None) -> str:
    clean = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, input=given, env=clean
    )
    return done.stdout.decode().strip()


def make_history(
    folder: Path, seed: int, *, fix: bool = False, app: bool = False, merge: bool = False, commits: int = COMMITS
) -> History:
    """In the new `folder`, with the resident app in it or notes alone. `merge`: the change is in a merge."""
    draw = random.Random(seed)
    plan = _plan(draw, commits)
    possible = [at for at in range(commits // 8, commits - 4) if len(plan[at].parents) == 2 or not merge]
    changed = draw.choice(possible)
    spared = {0, commits - 1, changed, *plan[changed].parents}
    broken, dead = draw.sample([place for place in range(commits) if place not in spared], 2)
    has_change = _descendants(plan, changed)
    grows, other = draw.randrange(commits), draw.randrange(commits)
    states = [_State(place in has_change) if not fix else _State(place not in has_change) for place in range(commits)]
    for place, state in enumerate(states):
        state.broken, state.dead = place == broken, place == dead
        state.caches, state.grows_elsewhere = place >= grows, place >= other
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "fast-import", "--quiet", "--export-marks=.git/made", given=b"".join(_stream(plan, states, app)))
    git(folder, "reset", "--quiet", "--hard", "main")
    by_mark = dict(line.split() for line in (folder / ".git/made").read_text().splitlines())
    shas = tuple(by_mark[f":{place + 1}"] for place in range(commits))
    leaking = frozenset(sha for sha, state in zip(shas, states, strict=True) if state.leaks)
    return History(folder, shas, leaking, shas[changed], shas[broken], shas[dead])


@dataclass
class _State:
    leaks: bool
    broken: bool = False
    dead: bool = False
    caches: bool = False
    grows_elsewhere: bool = False


def _plan(draw: random.Random, commits: int) -> list[Made]:
    """A main line from which branches of a few commits go off, to be merged while it went on."""
    made, tip = [Made(())], 0
    while len(made) < commits:
        left = commits - len(made)
        if left > 10 and draw.random() < 0.15:
            branch = tip
            for _ in range(draw.randint(1, 5)):
                made.append(Made((branch,), side=True))
                branch = len(made) - 1
            for _ in range(draw.randint(0, 3)):
                made.append(Made((tip,)))
                tip = len(made) - 1
            made.append(Made((tip, branch)))
        else:
            made.append(Made((tip,)))
        tip = len(made) - 1
    return made


def _descendants(plan: list[Made], changed: int) -> set[int]:
    """Those that have the change, itself among them."""
    found = {changed}
    for place, made in enumerate(plan):
        if found & set(made.parents):
            found.add(place)
    return found


def _stream(plan: list[Made], states: list[_State], app: bool) -> Iterator[bytes]:
    """What `git fast-import` reads."""
    for place, (made, state) in enumerate(zip(plan, states, strict=True)):
        person = f"{AUTHOR} <grace@example.org> {BEGAN_S + 600 * place} +0100"
        ref = "refs/heads/side" if made.side else "refs/heads/main"
        yield f"commit {ref}\nmark :{place + 1}\nauthor {person}\ncommitter {person}\n".encode()
        yield _data(f"Change {place}\n")
        for word, parent in zip(("from", "merge"), made.parents, strict=False):
            yield f"{word} :{parent + 1}\n".encode()
        yield from _files(place, state, app)
    yield b"reset refs/heads/side\nfrom 0000000000000000000000000000000000000000\n\n"


def _files(place: int, state: _State, app: bool) -> Iterator[bytes]:
    yield _file(_NOTES, f"{place}: leaks {state.leaks}{' cannot start' if state.broken or state.dead else ''}\n")
    if not app:
        return
    if place == 0:
        for source in sorted(path for top in ("leaks", "resident") for path in (ROOT / "compose" / top).rglob("*")):
            if source.is_file():
                yield _file(str(source.relative_to(ROOT / "compose")), source.read_text())
    yield _file(_STATIC, _static(state))
    yield _file(_GLOBAL, _global(state))
    if state.broken:
        yield f"D {_SERVER}\n".encode()
    else:
        server = (ROOT / "compose" / _SERVER).read_text()
        yield _file(_SERVER, "<?php fwrite(STDERR, 'no [database] here'); exit(3);\n" if state.dead else server)


def _static(state: _State) -> str:
    source = (ROOT / "compose" / _STATIC).read_text()
    assert source.count(_KEEPS) == 1
    return source.replace(_KEEPS, (_KEEPS_FEW if state.caches else "") + (_KEEPS if state.leaks else _KEEPS_NOT))


def _global(state: _State) -> str:
    source = (ROOT / "compose" / _GLOBAL).read_text()
    assert source.count(_ALSO_KEEPS) == 1
    return source if state.grows_elsewhere else source.replace(_ALSO_KEEPS, "$visit = ")


def _file(path: str, text: str) -> bytes:
    return f"M 100644 inline {path}\n".encode() + _data(text)


def _data(text: str) -> bytes:
    content = text.encode()
    return f"data {len(content)}\n".encode() + content + b"\n"
