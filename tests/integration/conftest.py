from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.place import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Where nothing but results may be left."""
    made = Place(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", None)
    yield made
    assert made.left() == []
