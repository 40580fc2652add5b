"""Rows of results as CSV, which a stopped run goes on from, and as one Markdown table."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import harness

RESULTS = Path(__file__).parents[3] / "results/benchmark"
MEASURING = ("cells", "claims", "draws", "lbr", "precog", "rivals", "series", "simulated", "trends")
Row = Mapping[str, str]


def analysis_version() -> str:
    """Of the code that decides: rows of another version are measured again."""
    root = Path(harness.__file__).parent
    files = [root / "load/schedule.py", *sorted(root.glob("measuring/*.py")), *sorted(root.glob("analysis/*.py"))]
    digest = hashlib.sha256()
    for file in [*files, *(Path(__file__).with_name(f"{name}.py") for name in MEASURING)]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


def read_rows(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def append_rows(file: Path, rows: Sequence[Row]) -> None:
    """All the rows of a cell at once; their columns are those of the file's first ones."""
    file.parent.mkdir(parents=True, exist_ok=True)
    is_new = not file.exists()
    with file.open("a", newline="") as opened:
        writer = csv.DictWriter(opened, fieldnames=list(rows[0]))
        if is_new:
            writer.writeheader()
        writer.writerows(rows)


def write_rows(file: Path, rows: Sequence[Row]) -> None:
    file.unlink(missing_ok=True)
    if rows:
        append_rows(file, rows)


def markdown(rows: Iterable[Row], columns: Mapping[str, str]) -> str:
    """A table of the columns: title → the row's key. The first column is text, the others are numbers."""
    head = f"| {' | '.join(columns)} |\n|{'|'.join(['---', *['---:'] * (len(columns) - 1)])}|\n"
    lines = (f"| {' | '.join(str(row.get(key, '')) for key in columns.values())} |" for row in rows)
    return head + "\n".join(lines) + "\n"


def percent(count: float, of: float) -> str:
    """As "0.3%", or "–" of nothing."""
    if not of:
        return "–"
    share = 100.0 * count / of
    return f"{share:.0f}%" if share in (0.0, 100.0) else f"{share:.1f}%"
