"""JUnit XML: a test case an endpoint, so that CI shows a leak as a failed test and an open question as a skipped one.

It keeps to the schema that Jenkins reads by (junit-10.xsd of its xUnit plugin), which knows properties of a suite but
not of a test case: an endpoint's figures are its output.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from harness.model.verdict import EndpointVerdict, Verdict
from harness.report.printable import one_line, printable
from harness.report.wording import (
    TOGETHER,
    blames_no_endpoint,
    endpoint_remarks,
    limits,
    number,
    open_question,
    place,
    run_remarks,
    scenario_of,
    share,
    story,
    together,
)

# XML 1.0 has no way to write these two, which `printable` leaves alone as they steer nothing.
_NOT_IN_XML = re.compile("[\ufffe\uffff]")


def render_junit(verdict: Verdict) -> str:
    """The document with its declaration, in UTF-8 when written."""
    cases = [_case(endpoint, scenario_of(verdict.run_id)) for endpoint in verdict.endpoints]
    if blames_no_endpoint(verdict):
        cases.append(_together(verdict))
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": "0",
    }
    skipped = str(sum(case.find("skipped") is not None for case in cases))
    root = ET.Element("testsuites", {"name": "hyperleak", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": _name(scenario_of(verdict.run_id)), **counts, "skipped": skipped})
    suite.append(_properties(verdict))
    suite.extend(cases)
    remarks = list(run_remarks(verdict))
    if remarks:
        ET.SubElement(suite, "system-out").text = _text("\n".join(remarks))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _properties(verdict: Verdict) -> ET.Element:
    values = {
        "run_id": verdict.run_id,
        "outcome": verdict.outcome,
        "time_driven_bytes_per_second": repr(verdict.time_driven_bytes_per_second),
        "unattributed_bytes_per_request": repr(verdict.unattributed_bytes_per_request),
    }
    properties = ET.Element("properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", {"name": name, "value": _name(value)})
    return properties


def _case(endpoint: EndpointVerdict, suite: str) -> ET.Element:
    case = ET.Element("testcase", {"classname": _name(suite), "name": _name(endpoint.name)})
    if endpoint.verdict == "leak":
        failure = ET.SubElement(case, "failure", {"type": endpoint.cause, "message": _name(story(endpoint))})
        failure.text = _text("\n".join(_holder_lines(endpoint))) or None
    elif endpoint.verdict == "inconclusive":
        ET.SubElement(case, "skipped", {"message": _name(f"inconclusive: {open_question(endpoint)}")})
    ET.SubElement(case, "system-out").text = _text("\n".join(_figures(endpoint)))
    return case


def _together(verdict: Verdict) -> ET.Element:
    case = ET.Element("testcase", {"classname": _name(scenario_of(verdict.run_id)), "name": TOGETHER})
    said = {"message": together(verdict)}
    if verdict.outcome == "leak":
        ET.SubElement(case, "failure", {"type": "unknown", **said})
    else:
        ET.SubElement(case, "skipped", said)
    return case


def _holder_lines(endpoint: EndpointVerdict) -> Iterable[str]:
    for holder in endpoint.holders:
        where = f" ({place(holder)})" if holder.file else ""
        yield one_line(f"{holder.path}{where}: {share(holder)}")


def _figures(endpoint: EndpointVerdict) -> Iterable[str]:
    yield f"verdict: {endpoint.verdict}"
    yield f"bytes/request: {number(endpoint.bytes_per_request)} (95% {limits(endpoint)})"
    yield f"requests: {endpoint.requests:,}"
    yield f"channel: {endpoint.channel}"
    for remark in endpoint_remarks(endpoint):
        yield one_line(remark)


def _name(text: str) -> str:
    return _xml(one_line(text))


def _text(text: str) -> str:
    return _xml(printable(text))


def _xml(text: str) -> str:
    return _NOT_IN_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
