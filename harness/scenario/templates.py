"""Checks `{{ … }}` before anything is rendered: syntax, names, calls, filters.

Templates are parsed, never compiled or rendered: Jinja2 folds constants while compiling, and `{{ 9**9**9 }}` would
keep it busy for ever. Only expressions are let through, so nothing loops inside of a request either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import Parameter, Signature

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment

from harness.scenario.problems import Mistake, quoted
from harness.scenario.report import suggestion

MAX_EXPRESSION_CHARACTERS = 32 * 1024

_OPENING = re.compile(r"\{[{%#]")
_CLOSING = re.compile(r"[}%#]\}")
_USAGE = {
    "random_int": "random_int(1, 100)",
    "random_choice": "random_choice(['a', 'b'])",
    "random_string": "random_string(8)",
    "sequence": "sequence(1)",
    "uuid": "uuid()",
}


def _signature(*names: str, optional: tuple[str, ...] = ()) -> Signature:
    kind = Parameter.POSITIONAL_OR_KEYWORD
    required = [Parameter(name, kind) for name in names]
    return Signature([*required, *(Parameter(name, kind, default=None) for name in optional)])


_FUNCTIONS = {
    "random_int": _signature("a", "b"),
    "random_choice": _signature("items"),
    "random_string": _signature("n"),
    "sequence": _signature(optional=("start",)),
    "uuid": _signature(),
}
_BINARY = (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat)
_LOGIC = (
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.Pos,
    nodes.Compare,
    nodes.Operand,
    nodes.CondExpr,
    nodes.Test,
)
_DATA = (nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Slice, nodes.TemplateData)
_ACCESS = (nodes.Getattr, nodes.Getitem, nodes.Call, nodes.Keyword, nodes.Filter, nodes.Output, nodes.Template)
_ALLOWED = (*_BINARY, *_LOGIC, *_DATA, *_ACCESS)


@dataclass(frozen=True)
class _Usage:
    """What a template needs; `mistakes` are those that no variable can mend."""

    variables: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    mistakes: tuple[Mistake, ...] = ()


class Templates:
    """Parses each distinct text once; the expressions of all together are bounded."""

    def __init__(self) -> None:
        self._environment = SandboxedEnvironment()
        self._environment.filters.pop("random")  # no seed repeats it; random_choice is there for that
        self._usages: dict[str, _Usage] = {}
        self._characters = 0

    def check(self, text: str, variables: frozenset[str] | None) -> Iterator[Mistake]:
        """The mistakes of one text; `variables` None means that they are not known, and any name is taken."""
        if "{{" not in text:  # any other text is sent as it is, `{%` and `{#` too
            return
        usage = self._usages.get(text)
        if usage is None:
            usage = self._usages[text] = self._parse(text)
        yield from usage.mistakes
        yield from _unknown_names(usage, variables)

    def _parse(self, text: str) -> _Usage:
        self._characters += _expression_characters(text)
        if self._characters > MAX_EXPRESSION_CHARACTERS:
            what = f"the expressions in templates are longer than {MAX_EXPRESSION_CHARACTERS // 1024} KiB together"
            return _Usage(mistakes=(Mistake(what, "move what varies into a values file"),))
        try:
            tree = self._environment.parse(text)
        except TemplateSyntaxError as error:
            what, to_do = f"the template is broken: {error.message}", "write it like {{ random_int(1, 100) }}"
        except (RecursionError, ValueError, OverflowError):
            what, to_do = "the template is too deep or has a number that is too long", "write it simpler"
        else:
            return self._usage(tree)
        return _Usage(mistakes=(Mistake(what, to_do),))

    def _usage(self, tree: nodes.Template) -> _Usage:
        found = list(_walk(tree))
        called = {id(node.node) for node in found if isinstance(node, nodes.Call)}
        names = [node for node in found if isinstance(node, nodes.Name)]
        return _Usage(
            frozenset(node.name for node in names if id(node) not in called),
            frozenset(node.name for node in names if id(node) in called),
            tuple(mistake for node in found for mistake in self._judge(node)),
        )

    def _judge(self, node: nodes.Node) -> Iterator[Mistake]:
        if not isinstance(node, _ALLOWED):
            kind = type(node).__name__.lower()
            yield Mistake(f"the template has a {kind} in it", "use expressions {{ … }} without statements and powers")
        elif isinstance(node, nodes.Filter) and node.name not in self._environment.filters:
            advice = suggestion(node.name, self._environment.filters, otherwise="use a filter of Jinja2")
            yield Mistake(f"the filter {quoted(node.name)} is not known", advice)
        elif isinstance(node, nodes.Test) and node.name not in self._environment.tests:
            yield Mistake(f"the test {quoted(node.name)} is not known", "use a test of Jinja2")
        elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            yield Mistake(f"the attribute {quoted(node.attr)} is not for templates", "use names without underscores")
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
            yield from _judge_call(node, node.node.name)


def _expression_characters(text: str) -> int:
    """What the parser works on, delimiters included; the text around it costs nothing."""
    return sum(4 + len(_CLOSING.split(part, maxsplit=1)[0]) for part in _OPENING.split(text)[1:])


def _walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    """Every node, without recursion: `a+a+a…` makes a tree as deep as it is long."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.iter_child_nodes())


def _judge_call(call: nodes.Call, name: str) -> Iterator[Mistake]:
    signature = _FUNCTIONS.get(name)
    if signature is None or call.dyn_args is not None or call.dyn_kwargs is not None:
        return
    try:
        signature.bind(*call.args, **{keyword.key: keyword.value for keyword in call.kwargs})
    except TypeError as error:
        yield Mistake(f"{name} can't be called like this: {error}", f"write it like {{{{ {_USAGE[name]} }}}}")


def _unknown_names(usage: _Usage, variables: frozenset[str] | None) -> Iterator[Mistake]:
    for name in sorted(usage.functions - _FUNCTIONS.keys()):
        advice = suggestion(name, _FUNCTIONS, otherwise=f"the functions are {', '.join(_FUNCTIONS)}")
        yield Mistake(f"the function {quoted(name)} is not known", advice)
    if variables is None:
        return
    for name in sorted(usage.variables - variables):
        if name in _FUNCTIONS:
            yield Mistake(f"{name} is a function", f"call it like {{{{ {_USAGE[name]} }}}}")
        else:
            yield Mistake(f"the variable {quoted(name)} is not known", _variable_advice(name, variables))


def _variable_advice(name: str, variables: frozenset[str]) -> str:
    if name == "token":
        return "add a `login:` to have a token"
    known = ", ".join(sorted(variables)[:20])
    otherwise = f"the variables here are {known}" if known else "add `values:` with a column of that name"
    return suggestion(name, variables, otherwise=otherwise)
