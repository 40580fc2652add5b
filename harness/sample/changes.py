"""What happened between two readings: workers born, gone or replaced, and kills for memory."""

from __future__ import annotations

from harness.model.samples import Event, ProcessReading


def process_events(
    before: tuple[ProcessReading, ...], now: tuple[ProcessReading, ...], elapsed_s: float
) -> tuple[Event, ...]:
    """A birth and a death of the same name are one `worker_restart`; the others `process_born` and `process_gone`.

    A process is known by its pid and start, so a pid that was given again is another one.
    """
    old, new = {process.key for process in before}, {process.key for process in now}
    born = [process for process in now if process.key not in old]
    events = []
    for gone in (process for process in before if process.key not in new):
        heir = next((process for process in born if process.name == gone.name), None)
        if heir is None:
            events.append(Event(elapsed_s=elapsed_s, kind="process_gone", detail=_label(gone)))
        else:
            born.remove(heir)
            events.append(
                Event(elapsed_s=elapsed_s, kind="worker_restart", detail=f"{_label(gone)} became pid {heir.pid}")
            )
    events += [Event(elapsed_s=elapsed_s, kind="process_born", detail=_label(process)) for process in born]
    return tuple(events)


def oom_events(before: int | None, now: int | None, elapsed_s: float) -> tuple[Event, ...]:
    """One `oom_kill` event for what the container's counter went up; none where it isn't told."""
    killed = (now or 0) - (before or 0)
    if before is None or now is None or killed <= 0:
        return ()
    return (Event(elapsed_s=elapsed_s, kind="oom_kill", detail=f"killed for memory: {killed}"),)


def _label(process: ProcessReading) -> str:
    return f"{process.name or 'process'} (pid {process.pid})"
