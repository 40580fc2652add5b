"""Mistakes in a scenario: what is wrong, at which line and column, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import InputError

MAX_PROBLEMS = 200
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, order=True, slots=True)
class Mark:
    """A place in a file; both count from 1, columns in characters."""

    line: int
    column: int


START = Mark(1, 1)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, printed as `file:line:column: what; what to do`, as compilers do."""

    file: str
    line: int
    column: int
    what: str
    to_do: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.what}; {self.to_do}"


class ScenarioError(InputError):
    """The scenario can't be used; `problems` has every mistake that was found, by position."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = [str(problem) for problem in problems]
        if len(problems) >= MAX_PROBLEMS:
            lines.append(f"… reading stopped after {MAX_PROBLEMS} mistakes")
        super().__init__("\n".join(lines))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class Mistake(ValueError):
    """Something that a person wrote and that can't be taken; `mark` is where, if that is known already."""

    def __init__(self, what: str, to_do: str, mark: Mark | None = None) -> None:
        super().__init__(f"{what}; {to_do}")
        self.what = what
        self.to_do = to_do
        self.mark = mark


class Mistakes(ValueError):
    """Several at once, from reading one value."""

    def __init__(self, found: Sequence[Mistake]) -> None:
        super().__init__("; ".join(str(mistake) for mistake in found))
        self.found = tuple(found)


class Problems:
    """Collects the mistakes of one scenario, so that all of them can be told at once."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: dict[Problem, None] = {}
        self._silent: set[Mark] = set()

    def add(self, mark: Mark, what: str, to_do: str, *, file: str | None = None) -> None:
        """Notes a mistake once; `file` is for one in a file that the scenario points to.

        A file made of mistakes ends the reading: raises ScenarioError after `MAX_PROBLEMS`.
        """
        if file is None and mark in self._silent:
            return
        self._found[Problem(file or self._file, mark.line, mark.column, what, to_do)] = None
        if len(self._found) >= MAX_PROBLEMS:
            raise ScenarioError(self._sorted())

    def silence(self, mark: Mark) -> None:
        """Says no more about this place: what follows from the mistake there is noise."""
        self._silent.add(mark)

    def failure(self, mark: Mark, what: str, to_do: str) -> ScenarioError:
        """The error to raise for a mistake that makes the rest unreadable."""
        self.add(mark, what, to_do)
        return ScenarioError(self._sorted())

    def raise_if_any(self) -> None:
        if self._found:
            raise ScenarioError(self._sorted())

    def _sorted(self) -> list[Problem]:
        return sorted(self._found, key=lambda p: (p.file != self._file, p.file, p.line, p.column, p.what))


def quoted(text: str) -> str:
    """Text for a message: short, on one line, control characters visible."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…")
