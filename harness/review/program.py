"""The classes and functions of a program, with names resolved as PHP resolves them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tree_sitter import Node

from harness.review.syntax import SourceFile, of_type, text, variable

_CLASSES = ("class_declaration", "trait_declaration", "interface_declaration", "enum_declaration")
_OWN_NAMES = ("self", "static", "$this", "this")


@dataclass(frozen=True, eq=False)
class Function:
    """A method, function, or a file's top level (`name` empty); closures belong to the function around them."""

    name: str
    owner: ClassInfo | None
    node: Node
    body: Node
    file: SourceFile
    scope: Scope
    parameters: dict[str, tuple[str, ...]]
    attributes: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """As a person names it."""
        if self.owner is None:
            return f"{self.name}()" if self.name else "the file's top level"
        return f"{self.owner.name}::{self.name}()"

    @property
    def is_public(self) -> bool:
        return not any(c.type == "visibility_modifier" and text(c) != "public" for c in self.node.children)


@dataclass(eq=False)
class ClassInfo:
    """`properties` maps each property to the classes of its type; `static` are the static ones of them."""

    name: str
    kind: str
    file: SourceFile
    parents: tuple[str, ...]
    attributes: tuple[str, ...]
    properties: dict[str, tuple[str, ...]] = field(default_factory=dict)
    static: set[str] = field(default_factory=set)
    methods: dict[str, Function] = field(default_factory=dict)

    @property
    def short_name(self) -> str:
        return self.name.rsplit("\\", 1)[-1]


@dataclass(frozen=True)
class Scope:
    """A file's namespace and its imports: full class names by the short names used in it."""

    namespace: str
    imports: dict[str, str]

    def resolve(self, name: str) -> str:
        if name.startswith("\\"):
            return name.lstrip("\\")
        head, sep, rest = name.partition("\\")
        if head.lower() in self.imports:
            return self.imports[head.lower()] + sep + rest
        return f"{self.namespace}\\{name}" if self.namespace else name


@dataclass
class Program:
    """Everything declared under a folder."""

    classes: dict[str, ClassInfo] = field(default_factory=dict)
    functions: list[Function] = field(default_factory=list)
    _below: dict[str, list[ClassInfo]] = field(default_factory=lambda: defaultdict(list))
    _by_method: dict[str, list[Function]] = field(default_factory=lambda: defaultdict(list))
    _by_function: dict[str, list[Function]] = field(default_factory=lambda: defaultdict(list))

    def add(self, file: SourceFile) -> None:
        scope = _scope(file.root)
        top = Function("", None, file.root, file.root, file, scope, {})
        self.functions.append(top)
        for node in of_type(file.root, *_CLASSES):
            self._add_class(_class(node, file, scope))
        for node in of_type(file.root, "function_definition"):
            found = _function(node, None, file, scope)
            self.functions.append(found)
            self._by_function[found.name.lower()].append(found)

    def _add_class(self, found: ClassInfo) -> None:
        self.classes.setdefault(found.name, found)
        for parent in found.parents:
            self._below[parent].append(found)
        for method in found.methods.values():
            self.functions.append(method)
            self._by_method[method.name.lower()].append(method)

    def methods_named(self, name: str) -> list[Function]:
        return self._by_method.get(name.lower(), [])

    def functions_named(self, name: str) -> list[Function]:
        return self._by_function.get(name.lower(), [])

    def descendants(self, name: str) -> Iterator[ClassInfo]:
        """Classes that extend, implement or use `name`, directly or not."""
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            for child in self._below.get(waiting.pop(), ()):
                if child.name not in seen:
                    seen.add(child.name)
                    waiting.append(child.name)
                    yield child

    def ancestors(self, name: str) -> Iterator[str]:
        """The class's own name and everything it extends, implements and uses, as far as it is known by name."""
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop(0)
            if current not in seen:
                seen.add(current)
                yield current
                waiting += self.classes[current].parents if current in self.classes else ()

    def lookup(self, owner: str, method: str) -> list[Function]:
        """What a call of `method` on an `owner` may run: its own or inherited, and what descendants have instead."""
        inherited = [
            c.methods[method] for name in self.ancestors(owner) if (c := self.classes.get(name)) and method in c.methods
        ]
        overriding = [c.methods[method] for c in self.descendants(owner) if method in c.methods]
        return [*inherited[:1], *overriding]

    def declaring(self, owner: str, prop: str) -> str:
        """The class in whose declaration the property of an `owner` is; the owner itself where none is found."""
        return next(
            (n for n in self.ancestors(owner) if n in self.classes and prop in self.classes[n].properties), owner
        )

    def property_types(self, owner: str, prop: str) -> tuple[str, ...]:
        declared = self.classes.get(self.declaring(owner, prop))
        return declared.properties.get(prop, ()) if declared else ()


def class_of(function: Function, written: str) -> str:
    """The full name of a class as written in `function`: `self`, `static`, `parent`, an import or a path."""
    if written in _OWN_NAMES:
        return function.owner.name if function.owner else ""
    if written == "parent":
        return function.owner.parents[0] if function.owner and function.owner.parents else ""
    return function.scope.resolve(written)


def assigned_values(function: Function, name: str) -> Iterator[Node]:
    """What is assigned to the local `$name`, in the order of the source."""
    for assignment in of_type(function.body, "assignment_expression"):
        value = assignment.child_by_field_name("right")
        if value is not None and variable(assignment.child_by_field_name("left")) == name:
            yield value


def _scope(root: Node) -> Scope:
    space = next(of_type(root, "namespace_definition"), None)
    imports: dict[str, str] = {}
    for statement in (n for n in of_type(root, "namespace_use_declaration")):
        if any(text(child) in ("function", "const") for child in statement.children):
            continue
        prefix = text(next((c for c in statement.named_children if c.type == "namespace_name"), None))
        for clause in of_type(statement, "namespace_use_clause"):
            name = text(clause.named_children[0]).lstrip("\\")
            full = f"{prefix}\\{name}" if prefix else name
            alias = text(clause.child_by_field_name("alias")) or full.rsplit("\\", 1)[-1]
            imports[alias.lower()] = full
    return Scope(text(space.child_by_field_name("name")) if space else "", imports)


def _class(node: Node, file: SourceFile, scope: Scope) -> ClassInfo:
    body = node.child_by_field_name("body")
    members = body.named_children if body else []
    written = [
        n for c in node.children if c.type in ("base_clause", "class_interface_clause") for n in c.named_children
    ]
    written += [n for m in members if m.type == "use_declaration" for n in m.named_children if n.type != "use_list"]
    found = ClassInfo(
        name=f"{scope.namespace}\\{text(node.child_by_field_name('name'))}".lstrip("\\"),
        kind=node.type.removesuffix("_declaration"),
        file=file,
        parents=tuple(scope.resolve(text(name)) for name in written),
        attributes=_attributes(node, scope),
    )
    for member in members:
        if member.type == "property_declaration":
            _add_properties(found, member, scope)
        elif member.type == "method_declaration":
            method = _function(member, found, file, scope)
            found.methods[method.name] = method
            _add_promoted(found, member, scope)
    return found


def _add_properties(found: ClassInfo, declaration: Node, scope: Scope) -> None:
    types = _types(declaration.child_by_field_name("type"), scope)
    for element in of_type(declaration, "property_element"):
        name = variable(element.child_by_field_name("name") or element.named_children[0])
        found.properties[name] = types
        if any(child.type == "static_modifier" for child in declaration.children):
            found.static.add(name)


def _add_promoted(found: ClassInfo, method: Node, scope: Scope) -> None:
    for parameter in of_type(method, "property_promotion_parameter"):
        types = _types(parameter.child_by_field_name("type"), scope)
        found.properties[variable(parameter.child_by_field_name("name"))] = types


def _function(node: Node, owner: ClassInfo | None, file: SourceFile, scope: Scope) -> Function:
    listed = node.child_by_field_name("parameters")
    parameters = {
        variable(p.child_by_field_name("name")): _types(p.child_by_field_name("type"), scope)
        for p in (listed.named_children if listed else ())
        if p.child_by_field_name("name") is not None
    }
    name = text(node.child_by_field_name("name"))
    body = node.child_by_field_name("body") or node
    return Function(name, owner, node, body, file, scope, parameters, _attributes(node, scope))


def _types(node: Node | None, scope: Scope) -> tuple[str, ...]:
    named: Iterable[Node] = of_type(node, "named_type") if node is not None else ()
    return tuple(scope.resolve(text(found)) for found in named)


def _attributes(node: Node, scope: Scope) -> tuple[str, ...]:
    listed = [c for c in node.children if c.type == "attribute_list"]
    return tuple(scope.resolve(text(a.named_children[0])) for group in listed for a in of_type(group, "attribute"))
