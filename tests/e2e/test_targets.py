"""Every kind of target on a real engine: it starts, is safe, and leaves nothing behind."""

from __future__ import annotations

import secrets
from pathlib import Path

import docker
import pytest

from harness.errors import TargetError
from harness.target import RunLabels, owner_labels, start_target
from harness.target import container as container_module
from tests.e2e.targets import IMAGE, KINDS, LIMIT_BYTES, a_spec, build_spec, everything_of, images_made_by, status

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("resident_image")]


@KINDS
def test_each_kind_is_reached_on_loopback_alone_and_runs_within_its_limits(
    kind: str, run: RunLabels, engine: docker.DockerClient, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    with start_target(a_spec(kind, tmp_path), run, log_dir=logs, client=engine) as target:
        assert status(target.handle.base_url + "/health") == 200
        container = engine.containers.get(str(target.handle.container_id))
        published = [binding for bindings in container.ports.values() for binding in bindings or []]
        assert [binding["HostIp"] for binding in published] == ["127.0.0.1"]
        assert target.handle.base_url == f"http://127.0.0.1:{published[0]['HostPort']}"
        limits = container.attrs["HostConfig"]
        assert limits["Privileged"] is False
        assert any(option.startswith("no-new-privileges") for option in limits["SecurityOpt"])
        assert (limits["Memory"], limits["MemorySwap"]) == (LIMIT_BYTES, LIMIT_BYTES)
        assert limits["NanoCpus"] == 500_000_000
        assert "ODD=a$b ${c}" in container.attrs["Config"]["Env"]
        assert owner_labels(run).items() <= container.labels.items()
        assert target.state().running
        assert "resident:" in target.logs_tail()
    assert "resident:" in (logs / "target.log").read_text()
    target.close()


@KINDS
def test_the_handle_tells_where_the_memory_is_and_what_was_measured(kind: str, run: RunLabels, tmp_path: Path) -> None:
    with start_target(a_spec(kind, tmp_path), run) as target:
        handle = target.handle
        assert handle.kind == kind
        assert handle.memory_limit_bytes == LIMIT_BYTES
        assert handle.root_pid is not None
        assert str(handle.container_id) in Path(f"/proc/{handle.root_pid}/cgroup").read_text()
        facts = handle.environment
    assert facts["image_id"].startswith("sha256:")
    assert facts["command"] == ["php", "/app/resident/server.php"]
    assert (facts["cpus"], facts["memory_limit_bytes"]) == (0.5, LIMIT_BYTES)
    wanted = {
        "engine_version",
        "cgroup_version",
        "kernel",
        "storage_driver",
        "host_cpus",
        "image_digests",
        "ready_after_s",
    }
    assert wanted <= set(facts)
    assert ("compose_version" in facts) == (kind == "compose")


@KINDS
def test_an_interrupt_during_the_start_removes_what_was_begun(
    kind: str, run: RunLabels, engine: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> float:
        assert everything_of(engine, run.run_id)
        raise KeyboardInterrupt

    monkeypatch.setattr(container_module, "wait_until_ready", interrupt)
    with pytest.raises(KeyboardInterrupt):
        start_target(a_spec(kind, tmp_path), run, client=engine)


def test_a_failing_build_is_told_and_leaves_no_layer(
    run: RunLabels, engine: docker.DockerClient, tmp_path: Path
) -> None:
    mark = secrets.token_hex(8)
    spec = build_spec(tmp_path, f"FROM {IMAGE}\nRUN echo {mark}\nRUN echo {mark} was missing; exit 9\n")
    with pytest.raises(TargetError) as caught:
        start_target(spec, run, client=engine)
    assert "returned a non-zero code: 9" in caught.value.message
    assert f"  | {mark} was missing" in caught.value.message
    assert images_made_by(engine, mark) == []
    assert engine.images.get(IMAGE)


def test_a_build_takes_its_arguments_and_leaves_no_layer(
    run: RunLabels, engine: docker.DockerClient, tmp_path: Path
) -> None:
    mark = secrets.token_hex(8)
    spec = build_spec(tmp_path, f"FROM {IMAGE}\nARG WHAT\nRUN echo {mark}\nENV WHAT=$WHAT\n", args={"WHAT": "a b"})
    with start_target(spec, run, client=engine) as target:
        container = engine.containers.get(str(target.handle.container_id))
        assert "WHAT=a b" in container.attrs["Config"]["Env"]
        built = engine.images.get(target.handle.environment["image_id"])
        assert owner_labels(run).items() <= built.labels.items()
        assert images_made_by(engine, mark)
    assert images_made_by(engine, mark) == []
