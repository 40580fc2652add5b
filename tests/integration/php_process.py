"""A PHP process that runs what it is told and says what its heap holds, then blocks."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from harness.sample.zend_mm import HeapReading
from tests.integration.php_builds import PhpBuild

_LOOP = """
$kept = []; $line = '';
while (($line = fgets(STDIN)) !== false) {
    eval($line);
    $size = memory_get_usage(); $peak = memory_get_peak_usage(); $real = memory_get_usage(true);
    fwrite(STDOUT, "$size $peak $real\\n");
}
"""


class PhpProcess:
    """`tell` runs a line of PHP; `settled` is what the process says of its heap once saying it changes nothing."""

    def __init__(self, build: PhpBuild, *options: str, environment: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [*build.command, *options, "-r", _LOOP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.pid = self._process.pid

    def send(self, code: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(code + "\n")
        self._process.stdin.flush()

    def line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()

    def tell(self, code: str = "") -> HeapReading:
        self.send(code)
        return HeapReading(*map(int, self.line().split()))

    def settled(self, code: str = "") -> HeapReading:
        said = self.tell(code)
        for _ in range(20):
            previous, said = said, self.tell()
            if said == previous:
                wait_until(self.is_blocked)
                return said
        raise AssertionError(f"PHP's heap doesn't settle: {said}")

    def is_blocked(self) -> bool:
        return Path(f"/proc/{self.pid}/stat").read_bytes().rpartition(b") ")[2].startswith(b"S")

    def program(self) -> str:
        """The name that it was started by last."""
        return Path(Path(f"/proc/{self.pid}/cmdline").read_text().partition("\0")[0]).name

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()


def wait_until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it didn't come to that in time"
        time.sleep(0.002)
