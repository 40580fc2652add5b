"""What the engine holds that carries labels of ours: found by label, removed one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import docker
from docker.errors import NotFound

from harness.target.build import remove_image
from harness.target.container import remove_container

ObjectKind = Literal["container", "network", "volume", "image"]


@dataclass(frozen=True)
class EngineObject:
    """`key` is what the engine finds it by; `name` is what a person does."""

    kind: ObjectKind
    key: str
    name: str
    labels: Mapping[str, str]


def labelled_objects(client: docker.DockerClient, labels: Sequence[str]) -> list[EngineObject]:
    """Everything with all these labels ("name" or "name=value"), in the order in which it can be removed."""
    wanted = {"label": list(labels)}
    containers = client.api.containers(all=True, filters=wanted)
    networks = client.api.networks(filters=wanted)
    volumes = client.api.volumes(filters=wanted).get("Volumes") or []
    images = client.api.images(filters=wanted)
    return [
        *(_object("container", c["Id"], c["Names"][0].lstrip("/") if c["Names"] else c["Id"], c) for c in containers),
        *(_object("network", n["Id"], n["Name"], n) for n in networks),
        *(_object("volume", v["Name"], v["Name"], v) for v in volumes),
        *(_object("image", i["Id"], (i.get("RepoTags") or [i["Id"]])[0], i) for i in images),
    ]


def _object(kind: ObjectKind, key: str, name: str, attributes: Mapping[str, Mapping[str, str]]) -> EngineObject:
    return EngineObject(kind, key, name, attributes.get("Labels") or {})


def remove_object(client: docker.DockerClient, found: EngineObject) -> None:
    """Removes it; one that has gone meanwhile is fine. Raises what the SDK raises."""
    if found.kind == "container":
        remove_container(client, found.key)
    elif found.kind == "image":
        remove_image(client, found.key)
    else:
        remove = client.api.remove_network if found.kind == "network" else client.api.remove_volume
        try:
            remove(found.key)
        except NotFound:
            return
