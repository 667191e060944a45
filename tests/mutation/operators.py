"""Every small change of the code of a module: a comparison flipped, an AND made OR, an arm of a choice removed.

A `Mutant` is named by module, function, operator and the how-manieth of its kind in the function, so that its name
stays when lines move. While it is `applied`, the function runs with the changed code wherever it was imported to.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
"""At its limit, then the other way round."""

BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
SIGNS = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.And: "and",
    ast.Or: "or",
}
_PAIRS = (
    ("min", "max"),
    ("first", "last"),
    ("any", "all"),
    ("eq", "ne"),
    ("head", "tail"),
    ("is_null", "is_not_null"),
    ("min_horizontal", "max_horizontal"),
    ("any_horizontal", "all_horizontal"),
    ("cum_min", "cum_max"),
)
METHODS = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
DROPPED = ("filter", "abs", "drop_nulls", "over")
"""Methods that give back much the same frame or expression when they are left out."""
NEGATED = ("is_in", "is_between", "contains", "starts_with")
HOW = {
    "semi": ("anti",),
    "anti": ("semi",),
    "left": ("inner",),
    "full": ("left",),
}
CLOSED = ("both", "left", "right", "none")
ORDER_ONLY = ("maintain_order", "literal", "strict", "coalesce")
"""Arguments that say how a frame is worked out, or how a text is read, not what is decided."""


class Edit(NamedTuple):
    """One change of a parsed function: the node in `field` (at `place` of a list) of `parent` becomes `node`."""

    label: str
    parent: ast.AST
    field: str
    place: int | None
    node: Any

    @contextmanager
    def made(self) -> Iterator[None]:
        if self.place is None:
            before = getattr(self.parent, self.field)
            setattr(self.parent, self.field, self.node)
        else:
            siblings = getattr(self.parent, self.field)
            before, siblings[self.place] = siblings[self.place], self.node
        try:
            yield
        finally:
            if self.place is None:
                setattr(self.parent, self.field, before)
            else:
                siblings[self.place] = before


@dataclass(frozen=True)
class Mutant:
    name: str
    function: FunctionType
    code: CodeType
    line: int
    """Where it is today; no part of the name."""

    @contextmanager
    def applied(self) -> Iterator[None]:
        before = self.function.__code__
        self.function.__code__ = self.code
        try:
            yield
        finally:
            self.function.__code__ = before


def mutants(module: ModuleType) -> Iterator[Mutant]:
    """Every changed function of the module, in the order of its source."""
    assert module.__file__ is not None
    with open(module.__file__, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for path, definition in _functions(tree):
        function: Any = module
        for name in path:
            function = getattr(function, name)
        counted: Counter[str] = Counter()
        for edit in list(_edits(definition)):
            counted[edit.label] += 1
            with edit.made():
                compiled = compile(ast.fix_missing_locations(tree), module.__file__, "exec")
            yield Mutant(
                f"{module.__name__.split('.')[-1]}.{'.'.join(path)} {edit.label} #{counted[edit.label]}",
                function,
                _code(compiled, path),
                getattr(edit.parent, "lineno", definition.lineno),
            )


def _functions(tree: ast.Module) -> Iterator[tuple[tuple[str, ...], ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield (node.name,), node
        elif isinstance(node, ast.ClassDef):
            yield from (
                ((node.name, part.name), part) for part in node.body if isinstance(part, ast.FunctionDef)
            )


def _code(compiled: CodeType, path: Sequence[str]) -> CodeType:
    for name in path:
        compiled = next(
            part for part in compiled.co_consts if isinstance(part, CodeType) and part.co_name == name
        )
    return compiled


def _edits(definition: ast.FunctionDef) -> Iterator[Edit]:
    for number, statement in enumerate(definition.body):
        if number or not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            yield from _below(definition, "body", number, statement)


def _below(parent: ast.AST, field: str, place: int | None, node: ast.AST) -> Iterator[Edit]:
    for label, changed in _changed(node, parent):
        yield Edit(label, parent, field, place, changed)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_params") or (name == "slice"):
            continue
        if isinstance(value, ast.AST):
            yield from _below(node, name, None, value)
        elif isinstance(value, list):
            for number, one in enumerate(value):
                if isinstance(one, ast.AST):
                    yield from _below(node, name, number, one)


def _changed(node: ast.AST, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Compare(ops=[operator]):
            for other in COMPARISONS[type(operator)]:
                yield (
                    f"{SIGNS[type(operator)]} -> {SIGNS[other]}",
                    ast.Compare(node.left, [other()], node.comparators),
                )
        case ast.BinOp(op=operator) if type(operator) in BINARY:
            swapped = BINARY[type(operator)]
            yield (
                f"{SIGNS[type(operator)]} -> {SIGNS[swapped]}",
                ast.BinOp(node.left, swapped(), node.right),
            )
        case ast.BoolOp():
            other_word = ast.Or if isinstance(node.op, ast.And) else ast.And
            yield f"{SIGNS[type(node.op)]} -> {SIGNS[other_word]}", ast.BoolOp(other_word(), node.values)
        case ast.UnaryOp(op=ast.Invert() | ast.Not() | ast.USub()):
            sign = {ast.Invert: "~", ast.Not: "not", ast.USub: "minus"}[type(node.op)]
            yield f"without {sign}", node.operand
        case ast.Constant(value=bool()):
            if not (isinstance(parent, ast.keyword) and parent.arg in ORDER_ONLY):
                yield f"{node.value} -> {not node.value}", ast.Constant(not node.value)
        case ast.Constant(value=int() | float()):
            yield f"{node.value} + 1", ast.Constant(node.value + 1)
            yield f"{node.value} - 1", ast.Constant(node.value - 1)
        case ast.keyword(arg="how", value=ast.Constant(value=str(way))) if way in HOW:
            for other in HOW[way]:
                yield f"{way} -> {other}", ast.keyword("how", ast.Constant(other))
        case ast.Call(func=ast.Attribute(attr=method)):
            yield from _changed_call(node, method)


def _changed_call(call: ast.Call, method: str) -> Iterator[tuple[str, ast.AST]]:
    owner: Any = call.func.value  # type: ignore[attr-defined]
    if method in METHODS:
        other = METHODS[method]
        yield (
            f"{method} -> {other}",
            ast.Call(ast.Attribute(owner, other, ast.Load()), call.args, call.keywords),
        )
    if method in DROPPED:
        yield f"without {method}", owner
    if method in NEGATED:
        yield f"not {method}", ast.UnaryOp(ast.Invert(), call)
    if method == "is_between":
        given = next((word.value.value for word in call.keywords if word.arg == "closed"), "both")  # type: ignore[attr-defined]
        kept = [word for word in call.keywords if word.arg != "closed"]
        for closed in CLOSED:
            # Of the four, those that differ at one end only.
            if (closed in ("left", "right")) != (given in ("left", "right")):
                word = ast.keyword("closed", ast.Constant(closed))
                yield f"closed {given} -> {closed}", ast.Call(call.func, call.args, [*kept, word])
    if method == "when":
        for held in (False, True):
            literal = ast.parse(f"pl.lit({held})", mode="eval").body
            yield f"when {held}".lower(), ast.Call(call.func, [literal], [])
