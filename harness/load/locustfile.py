"""The file that Locust runs: `locust -f` this, as the harness does, or as a worker on another machine.

A worker on another machine is started with `python -m harness.load.worker HOST:PORT`, and gets everything else from the
master. Users are spawned once; they then wait for the harness's windows instead of running tasks at random.
"""

from __future__ import annotations

import os
from typing import Any

import locust.runners
from locust import User, events, task
from locust.dispatch import UsersDispatcher
from locust.exception import StopUser

from harness.errors import HyperleakError
from harness.load.launch import CONTROL_VARIABLE
from harness.load.roles import Alone, Control, Master, Worker

LOST_AFTER_S = 10

# A worker without heartbeat is given up after this, and so is a master; Locust's own limits are 3 s and 60 s.
locust.runners.HEARTBEAT_LIVENESS = LOST_AFTER_S
locust.runners.MASTER_HEARTBEAT_TIMEOUT = LOST_AFTER_S


class HyperleakUser(User):
    """Works off its share of every window."""

    def on_start(self) -> None:
        try:
            self.visitor, self.window = self.environment.hyperleak.crew.enter()
        except HyperleakError as error:
            raise StopUser from error

    @task
    def follow(self) -> None:
        self.window = self.window.following.get()
        self.window.work(self.visitor)


class SettledDispatcher(UsersDispatcher):
    """Users stay where they were spawned: a worker that comes or goes would otherwise stop users at their work."""

    dispatch_in_progress = True

    def add_worker(self, worker_node: Any) -> None:
        """A late worker gets no users."""

    def remove_worker(self, worker_node: Any) -> None:
        """A lost worker's users are lost: the harness ends the run."""


@events.init.add_listener
def take_role(environment: Any, runner: Any, **_: Any) -> None:
    environment.dispatcher_class = SettledDispatcher
    if isinstance(runner, locust.runners.WorkerRunner):
        environment.hyperleak = Worker(runner)
    elif CONTROL_VARIABLE not in os.environ:
        raise SystemExit("this file is run by hyperleak, or on another machine by: python -m harness.load.worker")
    elif isinstance(runner, locust.runners.MasterRunner):
        environment.hyperleak = Master(_control(), runner)
    else:
        environment.hyperleak = Alone(_control())


def _control() -> Control:
    return Control(int(os.environ[CONTROL_VARIABLE]))
