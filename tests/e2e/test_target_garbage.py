"""What a killed harness leaves on a real engine, and that `gc` removes that and nothing else."""

from __future__ import annotations

import logging
import re
import secrets
import subprocess
import sys
import textwrap
from pathlib import Path

import docker
import pytest

from harness.model.target import AnyTargetSpec
from harness.target import RunLabels, collect_garbage, start_target
from tests.e2e.targets import IMAGE, KINDS, ROOT, a_spec, image

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("resident_image")]


HARNESS = """
    import sys, time
    from pydantic import TypeAdapter
    from harness.model.target import AnyTargetSpec
    from harness.target import RunLabels, start_target
    spec = TypeAdapter(AnyTargetSpec).validate_json(sys.argv[1])
    target = start_target(spec, RunLabels(sys.argv[2], "resident"))
    print(target.handle.container_id, flush=True)
    time.sleep(300)
"""


def killed_harness(spec: AnyTargetSpec, run: RunLabels) -> str:
    """The container that a harness left behind when it was killed with signal 9."""
    command = [sys.executable, "-c", textwrap.dedent(HARNESS), spec.model_dump_json(), run.run_id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as harness:
        assert harness.stdout is not None
        container_id = harness.stdout.readline().strip()
        harness.kill()
    return container_id


LEFT_BY = {
    "image": {"container"},
    "build": {"container", "image"},
    "compose": {"container", "network", "volume", "image", "folder"},
}


@KINDS
def test_gc_removes_what_a_killed_harness_left_and_nothing_else(
    kind: str, run: RunLabels, engine: docker.DockerClient, tmp_path: Path
) -> None:
    foreign = engine.containers.create(IMAGE, name=f"foreign-{secrets.token_hex(4)}", labels={"hyperleak": "mine"})
    try:
        live_run = RunLabels(f"{run.run_id}-alive", "resident")
        with start_target(image(), live_run, client=engine) as alive:
            left = killed_harness(a_spec(kind, tmp_path), run)
            assert collect_garbage(run_ids=[f"{run.run_id}-another"]) == ()
            assert engine.containers.get(left).status == "running"
            seen = [found for found in collect_garbage(dry_run=True) if found.run_id == run.run_id]
            assert not any(found.removed for found in seen)
            assert engine.containers.get(left).status == "running"
            removed = [found for found in collect_garbage(dry_run=False) if found.run_id == run.run_id]
            assert [(found.kind, found.name) for found in removed] == [(found.kind, found.name) for found in seen]
            assert all(found.removed for found in removed)
            assert {found.kind for found in removed} == LEFT_BY[kind]
            assert alive.state().running
        assert engine.containers.get(str(foreign.id))
    finally:
        foreign.remove(force=True)


def test_gc_leaves_a_run_of_another_host_alone(engine: docker.DockerClient) -> None:
    labels = {"hyperleak.run": "elsewhere", "hyperleak.owner": "1:1@another-host"}
    container = engine.containers.create(IMAGE, labels=labels)
    try:
        assert not [found for found in collect_garbage(dry_run=False) if found.run_id == "elsewhere"]
        assert engine.containers.get(str(container.id))
    finally:
        container.remove(force=True)


def test_gc_without_an_engine_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    with caplog.at_level(logging.WARNING):
        collect_garbage(tmp_path, dry_run=True)
    assert re.search("are not looked for: no Docker engine listens", caplog.text)
