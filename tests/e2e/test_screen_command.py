"""`hyperleak screen` on a resident app that runs already: as processes, in a container, and what can't be screened."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from harness.target import RunLabels, start_target
from tests.command import hyperleak
from tests.e2e.targets import image
from tests.integration.resident import Resident

PATHS = ["/static?bytes=512", "/static/clean?bytes=512", "/global?bytes=256", "/global/clean?bytes=256", "/clean"]
TYPICAL_BYTES = {"GET /static?bytes=512": 640, "GET /global?bytes=256": 320}


@pytest.fixture
def resident() -> Iterator[Resident]:
    with Resident(WORKERS=2) as running:
        yield running


def urls(base_url: str, *paths: str) -> list[str]:
    return [base_url + path for path in paths]


def assert_exact(document: Any) -> None:
    """Each leak to the byte, and nothing at all of their clean twins."""
    assert document["outcome"] == "leak"
    for found in document["endpoints"]:
        true = TYPICAL_BYTES.get(found["name"], 0)
        assert (found["verdict"], found["typical_bytes_per_request"]) == ("leak" if true else "clean", true)
        assert true <= found["bytes_per_request"] <= (1.25 * true)
        assert found["failures"] == {}


def test_processes_are_screened_to_the_byte(resident: Resident) -> None:
    base = f"http://127.0.0.1:{resident.port}"
    done = hyperleak("screen", *urls(base, *PATHS), "--pid", resident.process.pid, "--json")
    assert done.code == 1
    assert_exact(done.document)
    assert resident.process.poll() is None


@pytest.mark.docker
@pytest.mark.usefixtures("resident_image")
def test_a_container_is_screened_to_the_byte_and_left_as_it_was(run: RunLabels, engine: docker.DockerClient) -> None:
    with start_target(image(), run, client=engine) as target:
        container = engine.containers.get(str(target.handle.container_id))
        done = hyperleak("screen", *urls(target.handle.base_url, *PATHS), "--container", container.name, "--json")
        assert done.code == 1, done.err
        assert_exact(done.document)
        others = [each for each in engine.containers.list(all=True) if run.run_id in str(each.attrs)]
        assert others == [container]
        assert target.state().running


def test_only_clean_endpoints_are_success(resident: Resident) -> None:
    base = f"http://127.0.0.1:{resident.port}"
    done = hyperleak("screen", *urls(base, "/clean", "/static/clean"), "--pid", resident.process.pid)
    assert done.code == 0
    assert "\nCLEAN: " in done.out


def test_other_methods_and_failures_are_told(resident: Resident) -> None:
    base = f"http://127.0.0.1:{resident.port}"
    named = [f"POST {base}/static?bytes=512", f"{base}/nosuch"]
    done = hyperleak("screen", *named, "--pid", resident.process.pid, "--json", "--time", "5s")
    assert set(done.verdicts) == {"POST /static?bytes=512", "GET /nosuch"}
    missing = done.document["endpoints"][1]
    assert missing["failures"] == {"404": missing["requests"]}
    assert "GET /nosuch: unexpected answers" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["not an address"], "is not the address of an endpoint"),
        (["{base}/clean", "http://127.0.0.1:1/clean"], "the URLs name 2 servers"),
    ],
)
def test_addresses_that_cant_be_screened(arguments: list[str], said: str, resident: Resident) -> None:
    filled = [argument.format(base=f"http://127.0.0.1:{resident.port}") for argument in arguments]
    done = hyperleak("screen", *filled, "--pid", resident.process.pid)
    assert done.code == 2
    assert said in done.err
    assert "→" in done.err


@pytest.mark.docker
def test_a_container_that_is_not_there() -> None:
    done = hyperleak("screen", "http://127.0.0.1:1/x", "--container", "hyperleak-no-such-container", "--json")
    assert done.code == 2
    assert "there is no container 'hyperleak-no-such-container'" in done.err
    assert "docker ps" in done.document["hint"]


@pytest.mark.docker
@pytest.mark.usefixtures("resident_image")
def test_a_container_that_has_stopped(run: RunLabels, engine: docker.DockerClient) -> None:
    with start_target(image(), run, client=engine) as target:
        container = engine.containers.get(str(target.handle.container_id))
        container.stop(timeout=0)
        done = hyperleak("screen", target.handle.base_url + "/clean", "--container", container.name)
    assert done.code == 2
    assert "is exited" in done.err


def test_a_server_that_does_not_answer_is_not_called_clean(resident: Resident) -> None:
    done = hyperleak("screen", "http://127.0.0.1:1/clean", "--pid", resident.process.pid, "--time", "2s", "--json")
    assert done.code == 4
    assert "no request to http://127.0.0.1:1 was answered" in done.err
    assert done.document["hint"]


def test_another_app_behind_the_address_is_not_called_clean(resident: Resident) -> None:
    with Resident() as other:
        url = f"http://127.0.0.1:{other.port}/static"
        done = hyperleak("screen", url, "--pid", resident.process.pid, "--time", "2s")
    assert done.code == 4
    assert "not by the process that was named" in done.err
    assert "--pid" in done.err


def test_an_endpoint_that_never_answers_is_inconclusive(resident: Resident) -> None:
    base = f"http://127.0.0.1:{resident.port}"
    done = hyperleak("screen", *urls(base, "/clean", "/crash"), "--pid", resident.process.pid, "--time", "2s", "--json")
    assert done.code == 3
    assert done.verdicts["GET /clean"] != "leak"
    assert done.verdicts["GET /crash"] == "inconclusive"
    assert set(done.document["endpoints"][1]["failures"]) == {"no answer"}


def test_an_app_without_php_could_not_be_measured() -> None:
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"port (\d+)", server.stdout.readline())
            assert found is not None
            done = hyperleak("screen", f"http://127.0.0.1:{found[1]}/", "--pid", server.pid, "--json")
        finally:
            server.terminate()
    assert done.code == 4
    assert "no PHP heap of the target can be read" in done.document["error"]
    assert done.document["hint"]
