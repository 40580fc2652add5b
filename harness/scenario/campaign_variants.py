"""The variants of a campaign: named by themselves, or every combination of several axes."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.model.campaign import PLAIN
from harness.model.scenario import Scenario
from harness.model.target import AnyTargetSpec, BuildSpec, ImageSpec
from harness.scenario.campaign_written import MAX_VARIANT_NAME, MAX_VARIANTS, VariantWritten
from harness.scenario.nodes import described
from harness.scenario.problems import Mistake, quoted
from harness.scenario.reading import Sections
from harness.scenario.report import Report, Steps
from harness.scenario.written import NAME_PATTERN

_NAME = re.compile(NAME_PATTERN)


@dataclass(frozen=True)
class Variant:
    """What is changed; `place` is where it was written (of an axis' combination: its first part)."""

    name: str = PLAIN
    variables: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    place: Steps = ()

    def and_also(self, other: Variant) -> Variant:
        """Both together; where they say the same thing the other has the last word."""
        return Variant(
            f"{self.name}-{other.name}",
            {**self.variables, **other.variables},
            {**self.environment, **other.environment},
            {**self.args, **other.args},
            other.image or self.image,
            self.place,
        )

    @property
    def changes(self) -> dict[str, object]:
        """What was written, for a digest."""
        return {
            "variables": dict(self.variables),
            "environment": dict(self.environment),
            "args": dict(self.args),
            "image": self.image,
        }

    def applied_to(self, scenario: Scenario) -> Scenario:
        """The scenario under this variant. Raises Mistake where its target can't be changed so."""
        target = scenario.target
        changed: dict[str, Any] = {"environment": target.environment | dict(self.environment)}
        if self.image:
            self._require(ImageSpec, "an image", target, scenario)
            changed["image"] = self.image
        if isinstance(target, BuildSpec):
            changed["args"] = target.args | dict(self.args)
        elif self.args:
            self._require(BuildSpec, "build args", target, scenario)
        return scenario.model_copy(update={"target": target.model_copy(update=changed)})

    def _require(
        self, kind: type[ImageSpec] | type[BuildSpec], what: str, target: AnyTargetSpec, scenario: Scenario
    ) -> None:
        if not isinstance(target, kind):
            raise Mistake(
                f"the variant sets {what}, but the target of {quoted(scenario.name)} is of kind {target.kind}",
                "write ${NAME:-…} into the scenario, and set the variable under `variables:` of the variant",
            )


def read_variants(data: Mapping[str, Any], report: Report, environment: Mapping[str, str]) -> list[Variant]:
    """Those of `variants`, or the combinations of `axes`; one that changes nothing where neither is there."""
    if "variants" in data and "axes" in data:
        report.add(("axes",), Mistake("variants and axes are both here", "keep one of them"), key=True)
        return []
    if "axes" not in data:
        return _read_axis(data["variants"], ("variants",), report, environment) if "variants" in data else [Variant()]
    axes = data["axes"]
    if not isinstance(axes, dict) or not axes:
        report.add(("axes",), _no_mapping(axes, "axes, each with its variants"))
        return []
    read = [_read_axis(axis, ("axes", name), report, environment) for name, axis in axes.items()]
    if math.prod(len(axis) for axis in read) > MAX_VARIANTS:
        report.add(("axes",), Mistake(f"these are more than {MAX_VARIANTS:,} combinations", "take fewer of them"))
        return []
    return _checked([_combined(each) for each in itertools.product(*read)], report)


def _combined(parts: tuple[Variant, ...]) -> Variant:
    first, *others = parts
    for other in others:
        first = first.and_also(other)
    return first


def _checked(variants: list[Variant], report: Report) -> list[Variant]:
    """Names of combinations that are too long for a folder, or that two combinations share, are mistakes."""
    seen: set[str] = set()
    for variant in variants:
        if len(variant.name) > MAX_VARIANT_NAME or variant.name in seen:
            what = "is too long" if len(variant.name) > MAX_VARIANT_NAME else "is that of two combinations"
            report.add(variant.place, Mistake(f"the name {quoted(variant.name)} {what}", "write other names"), key=True)
            return []
        seen.add(variant.name)
    return variants


def _read_axis(data: Any, path: Steps, report: Report, environment: Mapping[str, str]) -> list[Variant]:
    if not isinstance(data, dict) or not data:
        report.add(path, _no_mapping(data, "variants by name"))
        return []
    sections = Sections(report)
    found = []
    for name, written in data.items():
        where = (*path, name)
        if not _NAME.fullmatch(name):
            advice = "use letters, digits, dots, dashes and underscores; it becomes a part of a folder's name"
            report.add(where, Mistake(f"{quoted(name)} can't be the name of a variant", advice), key=True)
        elif (read := sections.read(VariantWritten, written, where)) is not None:
            found.append(_variant(name, read, where, environment))
    return found


def _variant(name: str, written: VariantWritten, place: Steps, environment: Mapping[str, str]) -> Variant:
    pairs = {key: _filled(getattr(written, key), environment) for key in ("variables", "environment", "args")}
    return Variant(name, **pairs, image=written.image, place=place)


def _filled(pairs: Mapping[str, str | None], environment: Mapping[str, str]) -> dict[str, str]:
    """A name without a value takes the host's, and is left out where the host has none."""
    taken = {name: environment.get(name) if value is None else value for name, value in pairs.items()}
    return {name: value for name, value in taken.items() if value is not None}


def _no_mapping(data: Any, what: str) -> Mistake:
    found = "an empty mapping" if data == {} else described(data)
    return Mistake(f"expected {what}, found {found}", "write `name: {environment: {…}}` lines")
