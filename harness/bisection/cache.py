"""Images built at one commit are kept until the search ends, so that the next commit's build finds its layers."""

from __future__ import annotations

from contextlib import ExitStack, closing
from types import TracebackType
from typing import Self

from docker import DockerClient

from harness.model.scenario import Scenario
from harness.model.target import BuildSpec
from harness.target import RunLabels, connect_engine
from harness.target.build import build_image
from harness.target.cleanup import Cleanup


class BuildCache:
    """Builds a scenario's image before its run does, which then only repeats it from the layers."""

    def __init__(self, name: str) -> None:
        self._labels = RunLabels(run_id=name, scenario=name)
        self._stack = ExitStack()
        self._client: DockerClient | None = None
        self._cleanup = Cleanup()

    def __call__(self, scenario: Scenario) -> None:
        """Raises TargetError where the build fails, EngineError."""
        if isinstance(scenario.target, BuildSpec):
            build_image(scenario.target, self._labels, self._engine(), self._cleanup)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            self._cleanup.run()

    def _engine(self) -> DockerClient:
        if self._client is None:
            self._client = self._stack.enter_context(closing(connect_engine()))
        return self._client
