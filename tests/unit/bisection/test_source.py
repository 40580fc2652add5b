"""A scenario's target taken from another checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.bisection.source import at_source, missing
from harness.errors import InputError
from harness.model.load import Endpoint, Request
from harness.model.scenario import Scenario
from harness.model.target import AnyTargetSpec, BuildSpec, CommandSpec, ComposeSpec, ImageSpec

ROOT, TREE = Path("/code/shop"), Path("/tmp/hyperleak-bisect-1/source")


def scenario(target: AnyTargetSpec) -> Scenario:
    endpoint = Endpoint(name="GET /", request=Request(path="/"))
    return Scenario(name="shop", source=Path("/tests/shop.yaml"), target=target, endpoints=(endpoint,))


def command(*words: str, cwd: str = "/tests", **environment: str) -> CommandSpec:
    return CommandSpec(command=words, cwd=Path(cwd), port=0, environment=environment)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BuildSpec(context=ROOT, port=80), BuildSpec(context=TREE, port=80)),
        (BuildSpec(context=ROOT / "app", port=80), BuildSpec(context=TREE / "app", port=80)),
        (
            ComposeSpec(files=(ROOT / "compose.yaml", Path("/else/more.yaml")), service="app", port=80),
            ComposeSpec(files=(TREE / "compose.yaml", Path("/else/more.yaml")), service="app", port=80),
        ),
        (command("php", "server.php", cwd="/code/shop/bin"), command("php", "server.php", cwd=str(TREE / "bin"))),
        (command("php", "../x/y.php", cwd="/code/shop/a"), command("php", "../x/y.php", cwd=str(TREE / "a"))),
        (command("php", "/code/shop/s.php"), command("php", str(TREE / "s.php"))),
        (command("php", "../code/shop/s.php"), command("php", str(TREE / "s.php"))),
        (command("php", "/code/shop/s.php", cwd="/code/shop"), command("php", str(TREE / "s.php"), cwd=str(TREE))),
        (
            command("php", "-r", "echo 1/2;", "/code/shop-old/s.php", APP="/code/shop/a", NAME="a/b"),
            command("php", "-r", "echo 1/2;", "/code/shop-old/s.php", APP=str(TREE / "a"), NAME="a/b"),
        ),
    ],
)
def test_what_lies_in_the_repository_is_taken_from_the_worktree(before: AnyTargetSpec, after: AnyTargetSpec) -> None:
    assert at_source(scenario(before), ROOT, TREE).target == after


def test_what_names_the_worktree_already_stays() -> None:
    inside = ROOT / "tmp/source"
    spec = BuildSpec(context=inside / "app", port=80)
    assert at_source(scenario(spec), ROOT, inside).target == spec


@pytest.mark.parametrize(
    "target",
    [
        ImageSpec(image="shop", port=80),
        command("php", "/else/s.php"),
        BuildSpec(context=Path("/code/shop-old"), port=80),
    ],
)
def test_a_target_that_takes_nothing_from_the_repository_is_refused(target: AnyTargetSpec) -> None:
    with pytest.raises(InputError) as refused:
        at_source(scenario(target), ROOT, TREE)
    assert "${HYPERLEAK_SOURCE}" in refused.value.hint


def test_a_compose_file_of_elsewhere_may_name_the_source_itself(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    spec = ComposeSpec(files=(file,), service="app", port=80)
    file.write_text("services: {app: {build: '${HYPERLEAK_SOURCE}/app'}}")
    assert at_source(scenario(spec), ROOT, TREE).target == spec
    file.write_text("services: {app: {build: ../app}}")
    with pytest.raises(InputError):
        at_source(scenario(spec), ROOT, TREE)


def test_what_a_commit_does_not_have_is_named(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").touch()
    assert missing(BuildSpec(context=tmp_path, port=80)) is None
    assert missing(BuildSpec(context=tmp_path / "app", port=80)) == tmp_path / "app/Dockerfile"
    files = (tmp_path / "Dockerfile", tmp_path / "compose.yaml")
    assert missing(ComposeSpec(files=files, service="app", port=80)) == tmp_path / "compose.yaml"
    assert missing(command("php", cwd=str(tmp_path / "gone"))) == tmp_path / "gone"
    assert missing(ImageSpec(image="shop", port=80)) is None
