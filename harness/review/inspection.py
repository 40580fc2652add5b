"""From a folder of PHP to a review: read, find, excuse, rank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.errors import InputError
from harness.model.review import Finding, Review
from harness.review.program import Program
from harness.review.reach import reach_of
from harness.review.rules.borrowed import find_keepers, find_native, find_unreturned
from harness.review.rules.coroutines import find_coroutines
from harness.review.rules.kept import find_kept
from harness.review.rules.timers import find_timers
from harness.review.suppression import excused, excuses, without_reason
from harness.review.syntax import SourceFile, read

# Not the app's own source, or not what runs in its workers.
LEFT_OUT = ("vendor", "node_modules", "runtime", "tests", "test", "Tests", "storage", ".git")
LARGEST_FILE_BYTES = 2 * 1024 * 1024
_RULES = (find_kept, find_timers, find_coroutines, find_unreturned, find_keepers, find_native)


def inspect_folder(folder: Path, left_out: Iterable[str] = LEFT_OUT) -> Review:
    """Reviews the PHP files under `folder`, or one file. Raises InputError where there are none."""
    files, unread = _read_all(folder, frozenset(left_out))
    if not files and not unread:
        raise InputError(f"{folder}: no PHP files", hint=f"give the app's folder ({', '.join(LEFT_OUT)} are left out)")
    program = Program()
    for file in files:
        program.add(file)
    reach = reach_of(program)
    found = [finding for rule in _RULES for finding in rule(program, reach)]
    by_file = {file.path: excuses(file) for file in files}
    told = [excused(finding, by_file) for finding in found]
    return Review(
        folder=str(folder),
        files=len(files),
        lines=sum(file.source.count(b"\n") for file in files),
        findings=ranked([*told, *_unreasoned(files)]),
        unread=unread,
    )


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What a run measured first, the largest of it; then the likely; the suppressed last."""
    order = ("measured", "likely", "possible")

    def place(finding: Finding) -> tuple[bool, int, float, str, int]:
        size = -(finding.bytes_per_request or 0.0)
        return bool(finding.suppressed), order.index(finding.likelihood), size, finding.file, finding.line

    return tuple(sorted(dict.fromkeys(findings), key=place))


def _read_all(folder: Path, left_out: frozenset[str]) -> tuple[list[SourceFile], dict[str, str]]:
    files: list[SourceFile] = []
    unread: dict[str, str] = {}
    for path in _php_files(folder, left_out):
        told_as = str(path.relative_to(folder)) if path != folder else path.name
        try:
            if path.stat().st_size > LARGEST_FILE_BYTES:
                unread[told_as] = "larger than 2 MiB"
            else:
                files.append(read(path, told_as))
        except OSError as error:
            unread[told_as] = error.strerror or str(error)
    return files, unread


def _php_files(folder: Path, left_out: frozenset[str]) -> Iterator[Path]:
    if not folder.exists():
        raise InputError(f"{folder} does not exist", hint="give the app's folder")
    if folder.is_file():
        yield folder
        return
    for directory, names, files in folder.walk() if hasattr(folder, "walk") else _walk(folder):
        names[:] = sorted(name for name in names if name not in left_out)
        yield from sorted(directory / name for name in files if name.endswith(".php"))


def _walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    import os

    for directory, names, files in os.walk(folder):
        yield Path(directory), names, files


def _unreasoned(files: Iterable[SourceFile]) -> Iterator[Finding]:
    for file in files:
        for line in without_reason(file):
            message = "excuses nothing: write it like `// hyperleak: ignore growing-static: reason`"
            yield Finding(
                rule="unreasoned-suppression",
                cause="unknown",
                file=file.path,
                line=line,
                column=1,
                function="",
                message=message,
            )
