"""Places to search in, which must be left as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.leaky_history import History, make_history
from tests.unit.bisection.simulated import Searches

Make = Callable[..., Searches]


@pytest.fixture
def searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes a place from a seed; afterwards its repository is as it was, and no temporary file is left."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    made: list[tuple[History, tuple[str, ...]]] = []

    def make(seed: int = 0, **options: bool | int) -> Searches:
        history = make_history(tmp_path / f"app-{seed}", seed, **options)  # type: ignore[arg-type]
        made.append((history, history.state()))
        return Searches(history, tmp_path)

    yield make
    assert [history.state() for history, _ in made] == [before for _, before in made]
    assert list(temporary.iterdir()) == []
