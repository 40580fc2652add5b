"""What a sample costs: CPU of settle and read with eight PHP workers, as a share of one core at ten samples a second.

    python tests/benchmark/sampling_cost.py [--samples 100] [--image hyperleak/resident:latest]

Runs the resident app as local processes and, with `--image`, in a container; each once idle and once with requests
between the samples, so that every worker faults and none of what was read before can be used again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import httpx

from harness.model.target import TargetHandle
from harness.sample.opening import open_sampler
from harness.sample.processes import YOUNG_S
from harness.sample.sampler import Sampler

SERVER = Path(__file__).parents[2] / "compose" / "resident" / "server.php"
WORKERS = 8
SAMPLES_PER_S = 10
REQUESTS_BETWEEN = 16
LABELS = {"hyperleak.benchmark": "sampling"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--image", default="")
    arguments = parser.parse_args()
    print(f"{'target':<24}{'processes':>10}{'settle ms':>11}{'read ms':>9}{'CPU ms':>8}{'of a core at 10/s':>19}")
    with _local() as (handle, _):
        _measure("local", handle, None, arguments.samples)
    if arguments.image:
        with _container(arguments.image) as (handle, client):
            _measure("container", handle, client, arguments.samples)
    return 0


def _measure(name: str, handle: TargetHandle, client: docker.DockerClient | None, samples: int) -> None:
    time.sleep(YOUNG_S)
    with open_sampler(handle, heap=True, client=client, labels=LABELS) as sampler:
        for label, path in (("idle", ""), ("busy", "/static?bytes=65536")):
            _print_row(f"{name}, {label}", sampler, handle.base_url + path if path else "", samples)


def _print_row(name: str, sampler: Sampler, url: str, samples: int) -> None:
    settles, reads, costs = [], [], []
    processes = 0
    with httpx.Client() as http:
        for _ in range(samples):
            began_s = time.monotonic()
            for _ in range(REQUESTS_BETWEEN if url else 0):
                http.get(url, headers={"Connection": "close"})
            cpu_s, wall_s = time.process_time(), time.perf_counter()
            sampler.settle(1.0)
            settled_s = time.perf_counter()
            processes = len(sampler.read().processes)
            costs.append(time.process_time() - cpu_s)
            settles.append(settled_s - wall_s)
            reads.append(time.perf_counter() - settled_s)
            time.sleep(max(0.0, 1 / SAMPLES_PER_S - (time.monotonic() - began_s)))
    cost_s = statistics.fmean(costs)
    print(
        f"{name:<24}{processes:>10}{statistics.median(settles) * 1e3:>11.2f}{statistics.median(reads) * 1e3:>9.2f}"
        f"{cost_s * 1e3:>8.2f}{cost_s * SAMPLES_PER_S:>19.2%}"
    )


@contextlib.contextmanager
def _local() -> Iterator[tuple[TargetHandle, None]]:
    port = _free_port()
    environment = {**os.environ, "PORT": str(port), "WORKERS": str(WORKERS)}
    process = subprocess.Popen(["php", str(SERVER)], env=environment, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url)
        yield TargetHandle(kind="command", base_url=url, root_pid=process.pid), None
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _container(image: str) -> Iterator[tuple[TargetHandle, docker.DockerClient]]:
    client = docker.from_env()
    port = _free_port()
    container = client.containers.run(
        image,
        detach=True,
        labels=LABELS,
        environment={"PORT": str(port), "WORKERS": str(WORKERS)},
        ports={f"{port}/tcp": ("127.0.0.1", port)},
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url)
        container.reload()
        yield (
            TargetHandle(
                kind="image", base_url=url, root_pid=container.attrs["State"]["Pid"], container_id=container.id
            ),
            client,
        )
    finally:
        container.remove(force=True)
        client.close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(url: str) -> None:
    for _ in range(100):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url)
            return
        time.sleep(0.1)
    raise TimeoutError(f"{url} gave no answer in 10 s")


if __name__ == "__main__":
    sys.exit(main())
