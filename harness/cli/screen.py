from __future__ import annotations

import shlex
from contextlib import ExitStack, closing

import click
from docker import DockerClient

from harness import exit_codes
from harness.analysis.decide import Settings
from harness.analysis.screening import screen_verdict
from harness.cli.interrupts import Interrupts
from harness.cli.live import LiveView, Watched
from harness.cli.onward import steps_after
from harness.cli.options import judging_options
from harness.cli.output import Output, output_options
from harness.errors import InputError
from harness.measuring.screen import ScreenWatcher, endpoints_of, screen_attached
from harness.measuring.screening import Budget
from harness.model.load import Endpoint
from harness.model.screen import ScreenRecording
from harness.model.target import TargetHandle
from harness.report.terminal import render_verdict
from harness.sample.opening import open_sampler
from harness.target import attach_container, attach_process, connect_engine
from harness.units import parse_duration

PHASE = "one request at a time"


@click.command()
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option("--container", metavar="NAME", help="The running container that answers.")
@click.option("--pid", type=click.IntRange(1), help="The running process that answers; its children count too.")
@click.option(
    "--requests", type=click.IntRange(20), default=400, show_default=True, help="At most so many an endpoint."
)
@click.option("--time", "duration", default="15s", show_default=True, help="At most so long.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@judging_options
@output_options
def screen(
    urls: tuple[str, ...],
    container: str | None,
    pid: int | None,
    requests: int,
    duration: str,
    seed: int,
    threshold: float | None,
    confidence: float | None,
    output: Output,
) -> int:
    """Say which of these endpoints keeps memory, byte for byte, in seconds, on something already running.

    URLs are GET unless written like "POST http://127.0.0.1:9501/orders". Nothing is restarted, nothing injected.
    """
    base_url, endpoints = endpoints_of(urls)
    settings = Settings(threshold or Settings().threshold_bytes, confidence or Settings().confidence)
    with ExitStack() as stack:
        handle, client = _attach(stack, container, pid, base_url)
        interrupts = stack.enter_context(Interrupts())
        sampler = stack.enter_context(open_sampler(handle, heap=True, client=client, labels={}))
        budget = Budget(requests, _seconds(duration))
        view = stack.enter_context(_view(output, base_url, endpoints, budget, interrupts))

        def look(recording: ScreenRecording) -> None:
            view.look(screen_verdict(recording, settings))
            view.heaps(sum(sampler.heap_bytes().values()))

        watcher = ScreenWatcher(look=look, stop_asked=interrupts.asked)
        view.phase(PHASE)
        verdict = screen_attached(handle, endpoints, sampler, settings, budget, watcher, seed)
    running = shlex.join([base_url, *(["--container", container] if container else [])])
    output.answer(render_verdict(verdict, steps=steps_after(verdict, running=running)))
    output.document(verdict.model_dump(mode="json"))
    return exit_codes.INTERRUPTED if interrupts.asked() else exit_codes.of_verdict(verdict, {})


def _attach(
    stack: ExitStack, container: str | None, pid: int | None, base_url: str
) -> tuple[TargetHandle, DockerClient | None]:
    """The target that was named, and the engine where it is needed; `stack` closes that again."""
    if container and not pid:
        client = stack.enter_context(closing(connect_engine()))
        return attach_container(client, container, base_url), client
    if pid and not container:
        return attach_process(pid, base_url), None
    raise InputError("which process answers?", hint="give either --container NAME or --pid N")


def _view(
    output: Output, base_url: str, endpoints: tuple[Endpoint, ...], budget: Budget, interrupts: Interrupts
) -> LiveView:
    names = tuple(endpoint.name for endpoint in endpoints)
    return LiveView(output, Watched(base_url, names, budgets_s={PHASE: budget.duration_s}), interrupts.asked)


def _seconds(duration: str) -> float:
    try:
        return parse_duration(duration)
    except ValueError as error:
        raise InputError(f"--time: {error}") from error
