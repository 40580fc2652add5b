"""Making findings of syntax nodes."""

from __future__ import annotations

from tree_sitter import Node

from harness.model.review import Finding, Likelihood
from harness.model.verdict import Cause
from harness.review.program import Function


def finding(
    rule: str,
    cause: Cause,
    function: Function,
    node: Node,
    message: str,
    *,
    holder: str = "",
    likelihood: Likelihood = "likely",
) -> Finding:
    """A finding at the place where `node` begins."""
    row, column = node.start_point
    return Finding(
        rule=rule,
        cause=cause,
        file=function.file.path,
        line=row + 1,
        column=column + 1,
        function=function.told,
        holder=holder,
        message=message,
        likelihood=likelihood,
    )
