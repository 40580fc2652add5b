from __future__ import annotations

import logging
from functools import partial

import pytest
import requests
from docker.errors import APIError

from harness.errors import TargetError
from harness.target.cleanup import Cleanup


class Undone(list[str]):
    def step(self, name: str, error: BaseException | None = None) -> None:
        self.append(name)
        if error:
            raise error


def test_what_was_begun_last_goes_first_and_only_once() -> None:
    undone, cleanup = Undone(), Cleanup()
    for name in ("network", "container", "log"):
        cleanup.add(name, partial(undone.step, name))
    cleanup.run()
    cleanup.run()
    assert undone == ["log", "container", "network"]


@pytest.mark.parametrize("error", [OSError("disk full"), APIError("conflict"), TargetError("compose down failed")])
def test_a_step_that_fails_is_logged_and_the_rest_goes_on(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    undone, cleanup = Undone(), Cleanup()
    cleanup.add("folder", lambda: undone.step("folder"))
    cleanup.add("container c1", lambda: undone.step("container", error), by_engine=True)
    cleanup.run()
    assert undone == ["container", "folder"]
    assert caplog.record_tuples[0][1] == logging.WARNING
    assert "left behind: container c1" in caplog.text
    assert "hyperleak gc" in caplog.text


def test_an_engine_that_is_gone_is_asked_once(caplog: pytest.LogCaptureFixture) -> None:
    undone, cleanup = Undone(), Cleanup()
    cleanup.add("folder", lambda: undone.step("folder"))
    cleanup.add("image i1", lambda: undone.step("image"), by_engine=True)
    gone = requests.exceptions.ConnectionError("connection refused")
    cleanup.add("container c1", lambda: undone.step("container", gone), by_engine=True)
    cleanup.run()
    assert undone == ["container", "folder"]
    assert "left behind: image i1" in caplog.text


def test_a_second_interrupt_is_not_swallowed() -> None:
    undone, cleanup = Undone(), Cleanup()
    cleanup.add("folder", lambda: undone.step("folder"))
    cleanup.add("container", lambda: undone.step("container", KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        cleanup.run()
    cleanup.run()
    assert undone == ["container", "folder"]
