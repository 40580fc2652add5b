"""Whom a command tells of what it found, beside the person at the terminal: chats, Prometheus, collectors."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

import click

from harness import exit_codes
from harness.cli.output import Output
from harness.errors import HyperleakError, InputError, StorageError
from harness.exporting import telemetry_of
from harness.model.notice import Notice
from harness.model.verdict import Verdict
from harness.notices import When, worth_telling
from harness.report.notice import Told, render_notice
from harness.report.prometheus import render_runs
from harness.report.writing import write_report

if TYPE_CHECKING:
    from harness.notify.addresses import Address
    from harness.otlp.sending import Collector

R = TypeVar("R")

NOTIFY_VARIABLE: Final = "HYPERLEAK_NOTIFY"
LINK_VARIABLE: Final = "HYPERLEAK_LINK"


def addresses_of(urls: Sequence[str], environment: Mapping[str, str]) -> tuple[Address, ...]:
    """The given addresses, else those in HYPERLEAK_NOTIFY (blanks between them). Raises InputError."""
    written = list(urls) or environment.get(NOTIFY_VARIABLE, "").split()
    if not written:
        return ()
    from harness.notify.addresses import read_addresses  # takes half a second to import

    return read_addresses(written)


def collector(url: str | None, environment: Mapping[str, str]) -> Collector | None:
    """Where metrics go: to the given URL, else where OpenTelemetry's variables say. Raises InputError."""
    if url is None and not any("_OTLP_" in name for name in environment):
        return None
    from harness.otlp.sending import collector_of  # takes half a second to import

    return collector_of(url, environment)


def link_of(environment: Mapping[str, str]) -> str:
    """Where people find more, as HYPERLEAK_LINK says; "" where it doesn't."""
    return environment.get(LINK_VARIABLE, "")


def tell(notice: Notice, addresses: Sequence[Address], output: Output) -> None:
    """Sends to everybody; what can't be delivered is said and changes nothing."""
    for address in addresses:
        if problem := address.send(notice):
            output.answer(f"hyperleak: not delivered to {address.label}: {problem}")


notify_option = click.option(
    "--notify",
    "urls",
    multiple=True,
    metavar="URL",
    help=f"Tell people, at an address as apprise writes it; may be repeated (also {NOTIFY_VARIABLE}).",
)


class Telling:
    """Gathers what runs found and tells of it at the end. Raises InputError for addresses that can't be used."""

    def __init__(self, urls: Sequence[str], when: When, prometheus: Path | None, otlp: str | None = None) -> None:
        self._addresses = addresses_of(urls, os.environ)
        self._when = when
        self._prometheus = prometheus
        self._otlp = otlp
        if otlp is not None:
            collector(otlp, os.environ)
        self._folders: list[Path] = []
        self._notable: list[Told] = []
        self._verdicts: list[Verdict] = []
        self._failed: list[str] = []

    def found(self, scenario: str, verdict: Verdict, folder: Path, code: int) -> None:
        self._verdicts.append(verdict)
        self._folders.append(folder)
        if self._addresses and worth_telling(self._when, code, folder):
            self._notable.append(Told(scenario, verdict, str(folder)))

    def failed(self, scenario: str, error: HyperleakError) -> None:
        if error.exit_code == exit_codes.INTERRUPTED:
            return
        self._failed.append(scenario)
        if self._addresses and worth_telling(self._when, error.exit_code, None):
            self._notable.append(Told(scenario, None, error=error.message))

    def finish(self, output: Output) -> int:
        """The exit code that telling adds: what can't be delivered is only said, an unwritten file is a fault."""
        if self._notable:
            tell(render_notice(self._notable, link=link_of(os.environ)), self._addresses, output)
        if self._verdicts:
            self._export(output)
        return self._write(output) if self._prometheus else exit_codes.CLEAN

    def _export(self, output: Output) -> None:
        """What can't be exported is said and changes nothing, as those who set the variables may mean others."""
        try:
            if (to := collector(self._otlp, os.environ)) is None:
                return
            told = [telemetry_of(*each) for each in zip(self._folders, self._verdicts, strict=True)]
            problem = to.send(told)
        except InputError as error:
            output.answer(f"hyperleak: not exported: {error}")
            return
        if problem:
            output.answer(f"hyperleak: not exported to {to.url}: {problem}")

    def _write(self, output: Output) -> int:
        assert self._prometheus is not None
        if not (self._verdicts or self._failed):
            return exit_codes.CLEAN
        try:
            write_report(self._prometheus, render_runs(self._verdicts, self._failed))
        except StorageError as error:
            output.answer(f"hyperleak: {error}")
            return error.exit_code
        return exit_codes.CLEAN


def telling_options(command: Callable[..., R]) -> Callable[..., R]:
    """`--notify`, `--notify-on`, `--prometheus`, `--otlp` on a command, which gets them as `telling: Telling`."""

    @notify_option
    @click.option(
        "--notify-on",
        "when",
        type=click.Choice(get_args(When)),
        default="leak",
        show_default=True,
        help="Tell of leaks, of changes since the run before, or always. A run that can't be made is always told of.",
    )
    @click.option(
        "--prometheus",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write the verdicts for Prometheus' textfile collector, as hyperleak.prom.",
    )
    @click.option(
        "--otlp",
        metavar="URL",
        help="Export metrics to a collector, as http://collector:4317 (also OTEL_EXPORTER_OTLP_ENDPOINT).",
    )
    @wraps(command)
    def wrapped(
        *args: Any, urls: tuple[str, ...], when: When, prometheus: Path | None, otlp: str | None, **kwargs: Any
    ) -> R:
        return command(*args, telling=Telling(urls, when, prometheus, otlp), **kwargs)

    return wrapped
