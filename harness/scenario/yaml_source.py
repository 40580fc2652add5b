"""YAML text to a tree of nodes. Made for text from anybody: it only ever makes strings, lists and mappings.

The parser's events are composed here and not by PyYAML, because every bound has to hold before memory is taken:
depth, number of nodes (an alias counts as all that it stands for, so no bomb of aliases goes off), one document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as Variables

import yaml

from harness.scenario.interpolate import MAX_FILLED_CHARACTERS, interpolate
from harness.scenario.nodes import Entry, Items, Leaf, Mapping, Node
from harness.scenario.problems import START, Mark, Mistake, Problems, ScenarioError, quoted

MAX_NODES = 20_000
MAX_DEPTH = 32

_TEXT_TAGS = {"!", "tag:yaml.org,2002:str"}
_COLLECTION_TAGS = {"!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
# libyaml is part of PyYAML's wheels and twenty times as fast; distributions without it have the other one.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FORBIDDEN = re.compile("[\0\ud800-\udfff]")
_BRACES = re.compile(r"\$\{|\{\{")


def parse_yaml(
    text: str,
    environment: Variables[str, str] | None,
    problems: Problems,
    *,
    what: str = "scenario",
    start: str = "start with `name:`, `target:` and `endpoints:`",
) -> Mapping:
    """The one mapping that the text holds, variables filled in; mistakes go to `problems` or end it there.

    Without an `environment` dollar signs are plain text.
    `what` kind of file it is, and how it is to `start`, are for its messages.
    """
    return _Composer(text, environment, problems).document(what, start)


class _Composer:
    def __init__(self, text: str, environment: Variables[str, str] | None, problems: Problems) -> None:
        self._lines = re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text)
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._environment = environment
        self._problems = problems
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0
        self._filled = 0

    def document(self, what: str, start: str) -> Mapping:
        self._next()
        if not isinstance(self._next(), yaml.DocumentStartEvent):
            raise self._problems.failure(START, "the file is empty", start)
        root = self._node(self._next(), depth=0)
        self._next()
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._problems.failure(_mark(after), "a second document starts here", f"keep one {what} in one file")
        if not isinstance(root, Mapping):
            empty = isinstance(root, Leaf) and root.is_null
            raise self._problems.failure(root.mark, "the file is empty" if empty else f"a {what} is a mapping", start)
        return root

    def _next(self) -> yaml.Event:
        try:
            return next(self._events)
        except yaml.YAMLError as error:
            raise self._syntax(error) from None

    def _syntax(self, error: yaml.YAMLError) -> ScenarioError:
        where = began = None
        if isinstance(error, yaml.MarkedYAMLError):
            where, began = error.problem_mark or error.context_mark, error.context_mark
        what = getattr(error, "problem", None) or " ".join(str(error).split())
        if began is not None:
            what += f" ({getattr(error, 'context', '')} that begins in line {began.line + 1})"
        mark = Mark(where.line + 1, where.column + 1) if where else START
        line = self._lines[mark.line - 1] if mark.line <= len(self._lines) else ""
        return self._problems.failure(mark, f"this is not YAML: {what}", _syntax_hint(line))

    def _node(self, event: yaml.Event, depth: int) -> Node:
        mark = _mark(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, mark)
        self._count(1, mark)
        if depth > MAX_DEPTH:
            raise self._problems.failure(mark, f"this is nested more than {MAX_DEPTH} levels deep", "write it flatter")
        anchor: str | None = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = None
        node = self._fresh(event, mark, depth)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _fresh(self, event: yaml.Event, mark: Mark, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._leaf(event, mark)
        if isinstance(event, yaml.SequenceStartEvent):
            self._check_tag(event.tag, _COLLECTION_TAGS, mark)
            return self._items(mark, depth)
        assert isinstance(event, yaml.MappingStartEvent)
        self._check_tag(event.tag, _COLLECTION_TAGS, mark)
        return self._mapping(mark, depth, flow=bool(event.flow_style))

    def _alias(self, name: str | None, mark: Mark) -> Node:
        node = self._anchors.get(name or "")
        if node is None:
            reason = "stands inside of what it names" if name in self._anchors else "has no anchor before it"
            raise self._problems.failure(mark, f"the alias {quoted(f'*{name}')} {reason}", "write the value out")
        self._count(node.size, mark)
        return node

    def _count(self, size: int, mark: Mark) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            what = f"the scenario has more than {MAX_NODES} values, aliases counted in full"
            raise self._problems.failure(mark, what, "split it, or move rows into a values file")

    def _items(self, mark: Mark, depth: int) -> Items:
        items = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Items(tuple(items), mark, 1 + sum(item.size for item in items))

    def _mapping(self, mark: Mark, depth: int, *, flow: bool) -> Mapping:
        entries: dict[str, Entry] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, depth)
            node = self._node(self._next(), depth + 1)
            if key is None:
                if flow:
                    self._problems.silence(mark)
            elif key.text in entries:
                first = entries[key.text].key_mark.line
                what = f"the key {quoted(key.text)} is here twice, first in line {first}"
                self._problems.add(key.mark, what, "keep one of them")
            else:
                entries[key.text] = Entry(key.mark, node)
        return Mapping(entries, mark, 1 + sum(entry.node.size for entry in entries.values()))

    def _key(self, event: yaml.Event, depth: int) -> Leaf | None:
        """The key as written: no variables in it, and `no` or `1` are text."""
        mark = _mark(event)
        if isinstance(event, yaml.ScalarEvent):
            self._count(1, mark)
            self._check_tag(event.tag, _TEXT_TAGS, mark)
            key = Leaf(event.value, mark)
            if key.text == "<<" and not event.style:
                self._problems.add(mark, "merge keys are not supported", "write the keys out, or use `defaults:`")
            elif (bad := _FORBIDDEN.search(key.text)) is None:
                return key
            else:
                self._problems.add(mark, f"the character U+{ord(bad[0]):04X} can't be in a key", "remove it")
            return None
        self._node(event, depth + 1)
        what = "a key has to be text, this is a list, a mapping or an alias"
        self._problems.add(mark, what, "put {{ … }} or {…} in quotes if it was meant as text")
        self._problems.silence(mark)
        return None

    def _leaf(self, event: yaml.ScalarEvent, mark: Mark) -> Leaf:
        self._check_tag(event.tag, _TEXT_TAGS, mark)
        plain = not event.style and event.tag is None
        text = event.value
        try:
            text = event.value if self._environment is None else interpolate(event.value, self._environment)
        except Mistake as mistake:
            self._problems.add(mark, mistake.what, mistake.to_do)
            self._problems.silence(mark)
        bad = _FORBIDDEN.search(text)
        if bad is not None:
            self._problems.add(mark, f"the character U+{ord(bad[0]):04X} can't be in a value", "remove it")
            self._problems.silence(mark)
        return Leaf(text, mark, plain, self._count_filled(event.value, text, mark))

    def _count_filled(self, before: str, after: str, mark: Mark) -> bool:
        """Whether a variable was filled in; the text that variables make is bounded over the whole file."""
        if before == after:
            return False
        self._filled += len(after)
        if self._filled > MAX_FILLED_CHARACTERS:
            raise self._problems.failure(mark, "the variables fill in more than 1 MiB of text", "use smaller values")
        return "${" in before

    def _check_tag(self, tag: str | None, allowed: set[str], mark: Mark) -> None:
        if tag is not None and tag not in allowed:
            shown = tag.replace("tag:yaml.org,2002:", "!!", 1)
            self._problems.add(mark, f"the tag {quoted(shown)} is not supported", "remove it; values need no tags here")
            self._problems.silence(mark)


def _syntax_hint(line: str) -> str:
    if "\t" in line:
        return "indent with spaces, not with tabs"
    if _BRACES.search(line):
        return "inside of {…} and […] put ${…} and {{ … }} in quotes"
    return "check the indentation, quotes, colons and brackets here and in the line above"


def _mark(event: yaml.Event) -> Mark:
    start = event.start_mark
    return Mark(start.line + 1, start.column + 1) if start is not None else START
