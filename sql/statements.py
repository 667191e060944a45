"""The SQL of the screen, one statement per file, read by name."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> str:
    """The statement in `<name>.sql`, for example `staging/labs`. Braces stand for names of ours, never of input."""
    return files("sql").joinpath(*f"{name}.sql".split("/")).read_text(encoding="utf-8")


def filled(name: str, /, **names: str) -> str:
    """The statement with its braced names put in: table names and column lists from our own schema."""
    text = statement(name)
    for placeholder, value in names.items():
        text = text.replace("{" + placeholder + "}", value)
    return text


def text_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
