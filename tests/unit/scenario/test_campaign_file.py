"""Campaign files: scenarios under variants, and every mistake with its place."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.model.campaign import Campaign
from harness.model.target import BuildSpec, ImageSpec
from harness.scenario.campaign_file import load_campaign
from harness.scenario.problems import ScenarioError
from tests.command import ROOT

SHOP = "name: shop\ntarget: {image: 'app:${TAG:-1}', port: 80, environment: {A: 1, B: 2}}\nendpoints: [GET /a]\n"
BUILT = "name: built\ntarget: {build: {context: ., args: {PHP: '8.2'}}, port: 80}\nendpoints: [GET /a]\n"

KEYS = ["name", "scenarios", "repetitions", "variants", "axes", "engines", "environment", "args", "image", "a", "b"]
NAMED = "name: c\nscenarios: shop.yaml\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(SHOP)
    (tmp_path / "built.yaml").write_text(BUILT)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def load(place: Path, text: str, **environment: str) -> Campaign:
    (place / "c.yaml").write_text(text)
    return load_campaign(place / "c.yaml", environment)


def mistakes(place: Path, text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load(place, text)
    return [f"{Path(p.file).name}:{p.line}:{p.column}: {p.what}; {p.to_do}" for p in caught.value.problems]


def test_the_shortest_campaign(place: Path) -> None:
    found = load(place, "name: c\nscenarios: shop.yaml\n")
    (case,) = found.cases
    assert (case.scenario.name, case.variant) == ("shop", "plain")
    assert (found.repetitions, found.retries, found.seed, found.engines) == (1, 0, 0, ())


def test_a_variant_changes_what_it_names_and_nothing_else(place: Path) -> None:
    text = NAMED + "variants:\n  a: {environment: {B: 3, C: 4}}\n  b: {image: app:9}\n  c: {variables: {TAG: 7}}\n"
    a, b, c = (case.scenario.target for case in load(place, text).cases)
    assert isinstance(a, ImageSpec)
    assert isinstance(b, ImageSpec)
    assert isinstance(c, ImageSpec)
    assert (a.environment, a.image) == ({"A": "1", "B": "3", "C": "4"}, "app:1")
    assert (b.environment, b.image) == ({"A": "1", "B": "2"}, "app:9")
    assert (c.image, load(place, text).cases[2].variables) == ("app:7", {"TAG": "7"})


def test_build_args_are_how_versions_vary(place: Path) -> None:
    text = (
        "name: c\nscenarios: built.yaml\nvariants: {new: {args: {PHP: '8.4', SWOOLE: 6}}, old: {args: {PHP: '8.1'}}}\n"
    )
    new, old = (case.scenario.target for case in load(place, text).cases)
    assert isinstance(new, BuildSpec)
    assert isinstance(old, BuildSpec)
    assert (new.args, old.args) == ({"PHP": "8.4", "SWOOLE": "6"}, {"PHP": "8.1"})


def test_axes_are_combined(place: Path) -> None:
    text = (
        "name: c\nscenarios: shop.yaml\naxes:\n"
        "  workers: {w1: {environment: {WORKERS: 1}}, w4: {environment: {WORKERS: 4}}}\n"
        "  recycling: {never: {environment: {MAX_REQUEST: 0}}, often: {environment: {MAX_REQUEST: 500}}}\n"
    )
    cases = load(place, text).cases
    assert [case.variant for case in cases] == ["w1-never", "w1-often", "w4-never", "w4-often"]
    last = cases[3].scenario.target.environment
    assert (last["WORKERS"], last["MAX_REQUEST"], last["A"]) == ("4", "500", "1")


def test_a_variable_without_a_value_is_the_hosts(place: Path) -> None:
    text = "name: c\nscenarios: shop.yaml\nvariants: {a: {environment: [TOKEN, GONE]}}\n"
    target = load(place, text, TOKEN="t").cases[0].scenario.target
    assert target.environment == {"A": "1", "B": "2", "TOKEN": "t"}


def test_the_digest_is_of_what_is_written_wherever_it_is(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = "name: c\nscenarios: shop.yaml\nvariants: {a: {image: app:2}, b: {image: app:3}}\n"
    here = load(place, text)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(place, elsewhere)
    assert [c.digest for c in load(elsewhere, text).cases] == [c.digest for c in here.cases]
    assert len({case.digest for case in here.cases}) == 2
    (place / "shop.yaml").write_text(SHOP + "threshold: 32B\n")
    assert not {c.digest for c in load(place, text).cases} & {c.digest for c in here.cases}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "c.yaml:1:1: the file is empty; start with `name:` and `scenarios:`"),
        ("- a\n", "c.yaml:1:1: a campaign is a mapping"),
        ("name: c\n", "scenarios is missing"),
        (NAMED + "repetition: 3\n", "c.yaml:3:1: repetition: this key is not known; did you mean"),
        (NAMED + "repetitions: 0\n", "c.yaml:3:14: repetitions: expected a whole number from 1"),
        (NAMED + "retries: some\n", "c.yaml:3:10: retries: expected a whole number"),
        ("name: a/b\nscenarios: shop.yaml\n", "c.yaml:1:7: name: expected a name, found 'a/b'"),
        ("name: c\nscenarios: [shop.yaml, none.yaml]\n", "c.yaml:2:24: scenarios[1]: the scenario 'none"),
        ("name: c\nscenarios: [shop.yaml, shop.yaml]\n", "c.yaml:2:24: scenarios[1]: the scenario is called 'shop'"),
        (NAMED + "variants: [a]\n", "c.yaml:3:11: variants: expected variants by name, found a list"),
        (NAMED + "variants: {}\n", "variants: expected variants by name, found an empty mapping"),
        (NAMED + "variants: {a b: {}}\n", "c.yaml:3:12: variants.'a b': 'a b' can't be the name"),
        (NAMED + "variants: {a: {img: x}}\n", "c.yaml:3:16: variants.a.img: this key is not known"),
        (NAMED + "variants: {a: {args: {B: 1}}}\n", "c.yaml:3:12: variants.a: the variant sets build args"),
        ("name: c\nscenarios: built.yaml\nvariants: {a: {image: x}}\n", "variants.a: the variant sets an image"),
        (NAMED + "variants: {a: {}}\naxes: {x: {b: {}}}\n", "c.yaml:4:1: axes: variants and axes are both"),
        (NAMED + "axes: {x: 3}\n", "axes.x: expected variants by name, found '3'"),
        (NAMED + "engines: [a, a]\n", "c.yaml:3:10: engines: an engine is here twice"),
        (NAMED + "name: d\n", "c.yaml:3:1: the key 'name' is here twice"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_with_its_place(text: str, said: str, place: Path) -> None:
    assert any(said in mistake for mistake in mistakes(place, text)), mistakes(place, text)


def test_mistakes_of_the_scenarios_come_with_their_own_places_once(place: Path) -> None:
    (place / "bad.yaml").write_text("name: bad\ntarget: {image: x}\nendpoints: [GET /a]\n")
    found = mistakes(place, "name: c\nscenarios: [bad.yaml]\nvariants: {a: {}, b: {}}\nretries: -1\n")
    assert [each.partition(":")[0] for each in found] == ["c.yaml", "bad.yaml"]


@pytest.mark.parametrize(
    ("axes", "repetitions", "said"),
    [(6, 1, "axes: these are more than 1,000 combinations"), (2, 1000, "these are more than 20,000 runs")],
)
def test_what_would_never_end_is_refused_before_it_is_made(axes: int, repetitions: int, said: str, place: Path) -> None:
    variants = ", ".join(f"v{n}: {{}}" for n in range(10))
    text = NAMED + f"repetitions: {repetitions}\naxes:\n" + "".join(f"  a{n}: {{{variants}}}\n" for n in range(axes))
    assert any(said in mistake for mistake in mistakes(place, text))


@given(
    st.recursive(
        st.sampled_from(["", "a", "3", "-1", "null", "shop.yaml", "GET /", "${X", "9" * 30]) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
        max_leaves=12,
    ),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_whatever_is_written_is_read_or_refused(place: Path, content: Any) -> None:
    more = content if isinstance(content, dict) else {}
    with contextlib.suppress(ScenarioError):
        load(place, yaml.safe_dump({"name": "c", "scenarios": "shop.yaml"} | more))


def test_combinations_of_one_name_are_told_from_each_other(place: Path) -> None:
    axes: dict[str, Any] = {"x": ["a", "a-b"], "y": ["b-c", "c"]}
    text = "name: c\nscenarios: shop.yaml\naxes:\n" + "".join(
        f"  {axis}: {{{', '.join(f'{name}: {{}}' for name in names)}}}\n" for axis, names in axes.items()
    )
    assert "the name 'a-b-c' is that of two combinations" in mistakes(place, text)[0]


@pytest.mark.parametrize("file", sorted((ROOT / "scenarios/campaigns").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_campaigns_that_come_along_are_right(file: Path) -> None:
    assert len(load_campaign(file, {}).cases) > 1
