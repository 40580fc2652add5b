"""What happened to the target's processes, read from the samples."""

from __future__ import annotations

from harness.model.samples import Event, ProcessLike, SampleLike


def births_and_deaths(before: SampleLike, after: SampleLike) -> list[Event]:
    """Each process that died with a newborn to take its place; either alone is an event of its own."""
    earlier, later = {p.key: p for p in before.processes}, {p.key: p for p in after.processes}
    gone = [earlier[key] for key in earlier if key not in later]
    born = [later[key] for key in later if key not in earlier]
    pairs = list(zip(gone, born, strict=False))
    events = [Event(elapsed_s=after.elapsed_s, kind="worker_restart", detail=_restart(a, b)) for a, b in pairs]
    events += [_event(after, "process_exit", p) for p in gone[len(pairs) :]]
    events += [_event(after, "process_start", p) for p in born[len(pairs) :]]
    return events


def _restart(gone: ProcessLike, born: ProcessLike) -> str:
    return f"pid {gone.pid} {gone.name} → pid {born.pid} {born.name}".replace("  ", " ").rstrip()


def _event(sample: SampleLike, kind: str, process: ProcessLike) -> Event:
    return Event(elapsed_s=sample.elapsed_s, kind=kind, detail=f"pid {process.pid} {process.name}".rstrip())
