"""What the Locust processes do: alone, as the master of others, or as a worker. They speak in `messages`."""

from __future__ import annotations

import os
import socket as names
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import gevent
from gevent import socket
from gevent.event import AsyncResult

from harness.errors import HyperleakError, InputError, LoadError
from harness.load import messages
from harness.load.crew import Crew
from harness.load.messages import Begin, Broken, Done, FromLocust, Joined, Listening, Ready, Share
from harness.load.tally import Counts, merge, to_result
from harness.load.tickets import Slots, share_slots
from harness.model.load import LoadSpec, WindowOrder

HELLO, SPEC, USERS, WINDOW, COUNTS, BROKEN = (
    f"hyperleak-{kind}" for kind in ("hello", "spec", "users", "window", "counts", "broken")
)
PROTOCOL = 1
LOST_CHECK_S = 0.5
READ_BYTES = 65536


class Runner(Protocol):
    """As much of Locust's runners as is used here."""

    server: Any
    clients: Mapping[str, Any]
    worker_index: int

    def send_message(self, msg_type: str, data: Any = None, client_id: str | None = None) -> None: ...

    def register_message(self, msg_type: str, listener: Callable[..., None]) -> None: ...


class Control:
    """The end of the harness's channel in a Locust process. Its end of file means that the harness is gone."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)

    def send(self, message: FromLocust) -> None:
        self._socket.sendall(messages.to_line(message))

    def fail(self, error: HyperleakError) -> None:
        self.send(broken(error))

    def listen(self, on_begin: Callable[[LoadSpec], None], on_window: Callable[[WindowOrder], None]) -> None:
        """Returns when the harness is gone."""
        buffer = bytearray()
        while received := self._receive():
            buffer += received
            *lines, rest = buffer.split(b"\n")
            buffer = bytearray(rest)
            for line in lines:
                message = messages.order_from_line(bytes(line))
                if isinstance(message, Begin):
                    on_begin(message.spec)
                else:
                    gevent.spawn(on_window, message.order)

    def _receive(self) -> bytes:
        try:
            return bytes(self._socket.recv(READ_BYTES))
        except OSError:
            return b""


def broken(error: HyperleakError) -> Broken:
    return Broken(message=error.message, hint=error.hint, bad_input=isinstance(error, InputError))


class Alone:
    """One process with all the users."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.crew = Crew(self._on_ready, control.fail)
        gevent.spawn(control.listen, self._on_begin, self._on_window)

    def _on_begin(self, spec: LoadSpec) -> None:
        self._spec = spec
        self._issued = [0] * len(spec.endpoints)
        self.crew.begin(spec)

    def _on_ready(self, users: int) -> None:
        if users == self._spec.users:
            self._control.send(Ready())

    def _on_window(self, order: WindowOrder) -> None:
        everything = Slots(0, self._spec.users, self._spec.users)
        share = Share(order=order, slots=everything, issued=tuple(self._issued))
        self._issued = [issued + count for issued, count in zip(self._issued, order.counts, strict=True)]
        try:
            counts = self.crew.run(share)
        except HyperleakError as error:
            self._control.fail(error)
        else:
            self._control.send(Done(result=to_result(order, self._spec.endpoints, counts)))


class Master:
    """Gives every worker its share of each window and adds up what they saw. Has no users of its own."""

    def __init__(self, control: Control, runner: Runner) -> None:
        self._control = control
        self._runner = runner
        self._spec = AsyncResult()
        self._names: dict[str, str] = {}
        self._users: dict[str, int] = {}
        self._counts: dict[str, AsyncResult] = {}
        for kind, listener in (
            (HELLO, self._on_hello),
            (USERS, self._on_users),
            (COUNTS, self._on_counts),
            (BROKEN, self._on_broken),
        ):
            runner.register_message(kind, listener)
        control.send(Listening(port=runner.server.port))
        gevent.spawn(control.listen, self._on_begin, self._on_window).link(self._dismiss)

    def _dismiss(self, _: gevent.Greenlet) -> None:
        """Workers on other machines don't see that the harness is gone."""
        self._runner.send_message("quit")

    def _on_begin(self, spec: LoadSpec) -> None:
        self._issued = [0] * len(spec.endpoints)
        self._spec.set(spec)

    def _on_hello(self, *, msg: Any, **_: Any) -> None:
        gevent.spawn(self._welcome, msg.node_id, **msg.data)

    def _welcome(self, node: str, *, name: str, protocol: int) -> None:
        spec: LoadSpec = self._spec.get()
        if protocol != PROTOCOL:
            hint = "install the same version of hyperleak and Locust on every machine"
            self._control.fail(LoadError(f"load worker {name} is of another version", hint=hint))
        elif len(self._names) == spec.workers + spec.remote_workers:
            self._runner.send_message("quit", client_id=node)
        else:
            self._names[node] = name
            self._runner.send_message(SPEC, spec.model_dump_json(), client_id=node)
            self._control.send(Joined(worker=name))

    def _on_users(self, *, msg: Any, **_: Any) -> None:
        self._users[msg.node_id] = msg.data
        if sum(self._users.values()) == self._spec.get().users:
            self._control.send(Ready())

    def _on_counts(self, *, msg: Any, **_: Any) -> None:
        self._counts[msg.node_id].set(Counts.model_validate_json(msg.data))

    def _on_broken(self, *, msg: Any, **_: Any) -> None:
        self._control.send(Broken.model_validate_json(msg.data))

    def _on_window(self, order: WindowOrder) -> None:
        nodes = list(self._users)
        self._counts = {node: AsyncResult() for node in nodes}
        for node, slots in zip(nodes, share_slots(list(self._users.values())), strict=True):
            share = Share(order=order, slots=slots, issued=tuple(self._issued))
            self._runner.send_message(WINDOW, share.model_dump_json(), client_id=node)
        self._issued = [issued + count for issued, count in zip(self._issued, order.counts, strict=True)]
        try:
            counts = merge(self._wait_for_counts(order))
        except HyperleakError as error:
            self._control.fail(error)
        else:
            self._control.send(Done(result=to_result(order, self._spec.get().endpoints, counts)))

    def _wait_for_counts(self, order: WindowOrder) -> list[Counts]:
        results = list(self._counts.values())
        while len(gevent.wait(results, timeout=LOST_CHECK_S)) < len(results):
            self._check_workers(order)
        return [result.get() for result in results]

    def _check_workers(self, order: WindowOrder) -> None:
        for node, result in self._counts.items():
            client = self._runner.clients.get(node)
            if not result.ready() and (client is None or client.state == "missing"):
                raise LoadError(
                    f"load worker {self._names[node]} was lost in window {order.index}",
                    hint="its requests can't be counted: look at its own output, then run again",
                )


class Worker:
    """Some of the users; gets the spec and its shares from the master."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.crew = Crew(self._on_ready, self._on_error)
        runner.register_message(SPEC, self._on_spec)
        runner.register_message(WINDOW, self._on_window)
        runner.send_message(HELLO, {"name": f"{names.gethostname()}:{os.getpid()}", "protocol": PROTOCOL})

    def _on_spec(self, *, msg: Any, **_: Any) -> None:
        self.crew.begin(LoadSpec.model_validate_json(msg.data), self._runner.worker_index)

    def _on_window(self, *, msg: Any, **_: Any) -> None:
        gevent.spawn(self._run, Share.model_validate_json(msg.data))

    def _run(self, share: Share) -> None:
        try:
            counts = self.crew.run(share)
        except HyperleakError as error:
            self._on_error(error)
        else:
            self._runner.send_message(COUNTS, counts.model_dump_json())

    def _on_ready(self, users: int) -> None:
        self._runner.send_message(USERS, users)

    def _on_error(self, error: HyperleakError) -> None:
        self._runner.send_message(BROKEN, broken(error).model_dump_json())
