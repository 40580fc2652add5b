"""What only compose projects have: other services, fixed names, restarts, files that can't be measured."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import docker
import pytest

from harness.errors import EngineError, InputError, TargetError
from harness.model.target import ComposeSpec
from harness.target import RunLabels, owner_labels, start_target
from tests.e2e.targets import IMAGE, a_spec, compose_spec, status

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("resident_image")]


def test_two_runs_of_one_compose_file_do_not_meet(run: RunLabels, engine: docker.DockerClient, tmp_path: Path) -> None:
    spec = a_spec("compose", tmp_path)
    other = RunLabels(f"{run.run_id}-other", "resident")
    with start_target(spec, run, client=engine) as one, start_target(spec, other, client=engine) as two:
        assert one.handle.base_url != two.handle.base_url
        assert status(one.handle.base_url + "/health") == status(two.handle.base_url + "/health") == 200
        for made in (engine.api.networks(), engine.api.volumes()["Volumes"]):
            mine = [entry for entry in made if f"hyperleak-{run.run_id}_" in entry["Name"]]
            assert len(mine) == 1
            assert owner_labels(run).items() <= mine[0]["Labels"].items()


def test_a_compose_target_may_need_a_second_start_but_then_dies_for_good(
    run: RunLabels, engine: docker.DockerClient, tmp_path: Path
) -> None:
    script = "test -f /data/up || { touch /data/up; exit 1; }; exec php /app/resident/server.php"
    app = {
        "image": IMAGE,
        "user": "root",
        "restart": "always",
        "volumes": ["data:/data"],
        "command": ["sh", "-c", script],
    }
    document = {"version": "2", "services": {"app": app}, "volumes": {"data": {}}}
    with start_target(compose_spec(tmp_path, document), run, client=engine) as target:
        assert target.state().running
        assert status(target.handle.base_url + "/health") == 200
        os.kill(target.handle.root_pid or 0, signal.SIGKILL)
        time.sleep(1)
        assert target.state().running is False


def test_a_compose_service_that_does_not_come_up_is_told_with_composes_output(run: RunLabels, tmp_path: Path) -> None:
    document = {"services": {"app": {"image": IMAGE}, "db": {"image": "hyperleak.invalid/no-such-image"}}}
    with pytest.raises(TargetError, match=r"`docker compose up` failed(?s:.*)hyperleak\.invalid"):
        start_target(compose_spec(tmp_path, document), run)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services:\n  web: {image: x}\n", "no service 'app'"),
        ("services:\n  app: {image: x, nonsense: 1}\n", "compose can't read .*compose.yaml"),
        ("services:\n  app: {image: x, privileged: true}\n", "privileged"),
        ("services:\n  app: {image: x, network_mode: host}\n", "network_mode 'host'"),
        (None, "there is no compose file"),
    ],
)
def test_a_compose_file_that_cant_be_measured_is_an_input_error(
    text: str | None, said: str, run: RunLabels, tmp_path: Path
) -> None:
    file = tmp_path / "compose.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=f"(?s){said}"):
        start_target(ComposeSpec(files=(file,), service="app", port=80), run)


def test_without_a_compose_program_the_package_is_named(
    run: RunLabels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="neither `docker compose` nor `docker-compose`") as caught:
        start_target(a_spec("compose", tmp_path), run)
    assert "docker-compose-plugin" in caught.value.hint
