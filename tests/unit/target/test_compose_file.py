from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.model.target import ComposeSpec
from harness.target.compose_file import as_mapping, escaped, measurable, published_elsewhere

LABELS = {"hyperleak.run": "r1", "hyperleak.scenario": "costs $5"}
ESCAPED = {"hyperleak.run": "r1", "hyperleak.scenario": "costs $$5"}
SPEC = ComposeSpec(port=9501, files=(Path("/app/compose.yaml"),), service="app")


def made(services: dict[str, Any], spec: ComposeSpec = SPEC, **sections: Any) -> dict[str, Any]:
    return measurable({"services": services, **sections}, spec, LABELS)


@pytest.mark.parametrize(
    "ports",
    [
        None,
        ["9501:9501"],
        ["0.0.0.0:80:9501/tcp", "8080"],
        [{"target": 9501, "published": 9501}],
        [{"mode": "ingress", "target": 9501, "published": "9501", "protocol": "tcp"}],
    ],
)
def test_only_the_targets_port_is_published_and_on_loopback_only(ports: Any) -> None:
    services = made({"app": {"image": "a", "ports": ports}, "db": {"image": "b", "ports": ["3306:3306"]}})["services"]
    assert services["app"]["ports"] == ["127.0.0.1::9501"]
    assert "ports" not in services["db"]


def test_the_dropped_ports_of_other_services_can_be_told() -> None:
    services = {"app": {"ports": ["1:1"]}, "db": {"ports": ["3306:3306"]}, "redis": {"ports": []}, "mq": {}}
    assert published_elsewhere({"services": services}, SPEC) == ["db"]


def test_everything_that_compose_makes_is_labelled() -> None:
    document = made(
        {"app": {"build": {"context": "/app"}, "labels": ["a=b"]}, "db": {"image": "b", "labels": {"c": "d"}}},
        networks={"back": None},
        volumes={"data": {"driver": "local", "labels": {"e": "f"}}},
    )
    assert document["services"]["app"]["labels"] == {"a": "b"} | ESCAPED
    assert document["services"]["app"]["build"]["labels"] == ESCAPED
    assert document["services"]["db"]["labels"] == {"c": "d"} | ESCAPED
    assert document["networks"]["default"] == {"labels": ESCAPED}
    assert document["networks"]["back"] == {"labels": ESCAPED}
    assert document["volumes"]["data"] == {"driver": "local", "labels": {"e": "f"} | ESCAPED}


def test_what_is_external_is_left_as_it_is() -> None:
    external = {"external": True, "name": "company"}
    document = made({"app": {"image": "a"}}, networks={"n": external}, volumes={"v": external})
    assert document["networks"]["n"] == external
    assert document["volumes"]["v"] == external


def test_a_fixed_name_of_a_volume_would_delete_somebodys_data() -> None:
    document = made(
        {"app": {"image": "a"}}, volumes={"data": {"name": "production"}}, networks={"n": {"name": "fixed"}}
    )
    assert "name" not in document["volumes"]["data"]
    assert "name" not in document["networks"]["n"]


def test_a_fixed_image_of_a_build_would_be_overwritten() -> None:
    built = made({"app": {"build": "/app", "image": "me/app:dev"}, "db": {"image": "mysql:8"}})["services"]
    assert "image" not in built["app"]
    assert built["app"]["build"] == {"context": "/app", "labels": ESCAPED}
    assert built["db"]["image"] == "mysql:8"


@pytest.mark.parametrize("networks", [None, ["back"], {"back": None}, {"back": {"aliases": ["db"]}}])
def test_a_fixed_container_name_stays_reachable_as_an_alias(networks: Any) -> None:
    service = {"image": "b", "container_name": "mysql-dev"} | ({"networks": networks} if networks else {})
    db = made({"app": {"image": "a"}, "db": service})["services"]["db"]
    assert "container_name" not in db
    assert "mysql-dev" in db["networks"]["back" if networks else "default"]["aliases"]


def test_the_default_network_is_declared_only_where_a_service_uses_it() -> None:
    document = made({"app": {"image": "a", "networks": {"back": None}}}, networks={"back": None})
    assert list(document["networks"]) == ["back"]


def test_the_target_gets_its_environment_and_limits() -> None:
    spec = SPEC.model_copy(update={"environment": {"A": "$1"}, "memory_limit_bytes": 64 << 20, "cpus": 0.5})
    limits = {"memory": "1G", "cpus": "4", "pids": 99}
    app = {"image": "a", "environment": ["A=old", "PASSED"], "deploy": {"replicas": 3, "resources": {"limits": limits}}}
    service = made({"app": app}, spec)["services"]["app"]
    assert service["environment"] == {"A": "$$1", "PASSED": None}
    assert service["mem_limit"] == service["memswap_limit"] == 64 << 20
    assert service["cpus"] == 0.5
    assert service["deploy"] == {"resources": {"limits": {"pids": 99}}}
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_without_limits_the_files_own_stay() -> None:
    deploy = {"resources": {"limits": {"memory": "1G"}}}
    service = made({"app": {"image": "a", "mem_limit": "1g", "deploy": deploy}})["services"]["app"]
    assert service["mem_limit"] == "1g"
    assert service["deploy"] == deploy


@pytest.mark.parametrize(
    ("version", "newest"), [("1", "2.4"), ("2", "2.4"), ("2.1", "2.4"), ("3", "3.9"), ("3.7", "3.9"), (3.4, "3.9")]
)
def test_an_old_version_is_raised_to_one_that_knows_labels(version: object, newest: str) -> None:
    assert made({"app": {"image": "a"}}, version=version)["version"] == newest


def test_a_file_without_a_version_stays_without() -> None:
    assert "version" not in made({"app": {"image": "a"}}, name="project")


@pytest.mark.parametrize(
    ("services", "said"),
    [
        ({"web": {}, "db": {}}, "no service 'app'.*db, web"),
        ({}, "no service 'app'.*none"),
        ({"app": {"privileged": True}}, "'app' of /app/compose.yaml is privileged"),
        ({"app": {}, "db": {"privileged": True}}, "'db' of /app/compose.yaml is privileged"),
        ({"app": {"network_mode": "host"}}, "network_mode 'host'"),
        ({"app": {"network_mode": "service:db"}, "db": {}}, "network_mode 'service:db'"),
    ],
)
def test_what_cant_be_measured_safely_is_refused(services: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=f"(?s){said}"):
        made(services)


def test_the_document_that_came_in_is_not_changed() -> None:
    document = {
        "services": {"app": {"build": {"context": "/"}, "ports": ["1:1"], "container_name": "x"}},
        "version": "2",
    }
    before = deepcopy(document)
    measurable(document, SPEC, LABELS)
    assert document == before


@given(st.dictionaries(st.text(st.characters(exclude_characters="="), min_size=1), st.text()))
def test_lists_and_mappings_say_the_same(pairs: dict[str, str]) -> None:
    assert as_mapping([f"{name}={text}" for name, text in pairs.items()]) == as_mapping(pairs) == pairs


@given(st.text(st.sampled_from("$aB{}\\")))
def test_no_dollar_is_left_that_compose_would_expand(text: str) -> None:
    twice = escaped({"A": text})["A"]
    assert twice.replace("$$", "") == text.replace("$", "")
    assert twice.count("$") == 2 * text.count("$")
