"""From the article's statements to rules, cases, tests and hazards: a page without an empty cell.

Rules come from the pack, statements and hazards from statements.toml, and the cases from the tables themselves: a
case shows a rule because its own expectation names it, and that expectation runs as a test; the cases of parameters
stand in parameter_cases.csv, which a test asks again.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Any, Final

from rules.model import Pack
from schemas.errors import RulePackError

KINDS: Final = ("computed", "shown_as_text", "not_computable")
SHOWN_CASES: Final = 3
_SHEET: Final = "statements.toml"
_STATEMENT: Final = re.compile(r"S\d+")
_CASES_FILES: Final = ("cases.md", "cases_follow_up_and_cautions.md")
_TESTS: Final = {
    "decision": "tests/spec/test_cases.py::test_decision_rows",
    "b12_class": "tests/spec/test_cases.py::test_b12_bands",
    "mma_class": "tests/spec/test_cases.py::test_mma_bands",
    "watch": "tests/spec/test_follow_up_and_caution_cases.py::test_person",
    "says": "tests/spec/test_follow_up_and_caution_cases.py::test_what_the_rows_say",
    "parameter": "tests/spec/test_mutations.py::test_parameters",
    "story": "tests/spec/test_screen_cases.py::test_story",
}
"""Kind of cases table (every kind of story is one) -> the test that runs it."""


@dataclass(frozen=True)
class Rule:
    """One rule of the pack: its group on the page, its name, what it is in words, its evidence tags."""

    group: str
    name: str
    label: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """One row of a cases table and the names of the rules that its expectation shows."""

    kind: str
    name: str
    shows: frozenset[str]


def rules_of(pack: Pack) -> tuple[Rule, ...]:
    """Every decision row, tier, regimen, follow-up item, caution, band set and parameter, in the pack's order."""
    tiers = [row for row in pack.decisions if row.case.startswith("tier_")]
    named = [
        *(("Decision rows", row.key, row.label, row.fact) for row in pack.decisions),
        *(("First-test tiers", f"tier {row.case[5:]}", row.label, row.fact) for row in tiers),
        *(("Regimens", one.id, one.text.split(".")[0], one.fact) for one in pack.regimens.values()),
        *(
            ("Follow-up items", f"{one.id}", one.label, one.fact)
            for one in pack.follow_up
            if one.id[0] == "F"
        ),
        *(
            ("Follow-up items", f"{one.id} item", one.label, one.fact)
            for one in pack.follow_up
            if one.id[0] == "C"
        ),
        *(("Cautions", one.id, one.label, one.fact) for one in pack.cautions),
        *(("Band sets", one.id, one.applies or one.analyte, one.fact) for one in pack.band_sets),
        *(("Parameters", one.id, one.meaning, one.fact) for one in pack.parameters.values()),
    ]
    return tuple(Rule(group, name, label, fact.evidence) for group, name, label, fact in named)


def cases_of(pack: Pack) -> tuple[Case, ...]:
    """Every case of the pack's cases files, and of parameter_cases.csv."""
    folder = files("rules").joinpath("packs", *pack.ref.split("/"))
    told = [
        _case(kind, row, pack)
        for name in _CASES_FILES
        for kind, row in _tables(folder.joinpath(name).read_text(encoding="utf-8").splitlines())
        if kind.partition("_")[0] in ("decision", "story", "watch", "says", "b12", "mma")
    ]
    noticed = [
        Case("parameter", f"{row['case']} ({row['change']})", frozenset({row["parameter"]}))
        for row in csv.DictReader(
            files("rules").joinpath("parameter_cases.csv").read_text(encoding="utf-8").splitlines()
        )
    ]
    return (*told, *noticed)


def _tables(lines: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Kind and cells by heading of every row that stands after a comment `<!-- cases: kind -->`."""
    kind = ""
    header: list[str] = []
    for line in lines:
        named = re.fullmatch(r"<!-- cases: (\w+) -->", line.strip())
        if named:
            kind, header = named.group(1), []
        elif not line.startswith("|"):
            kind = kind if not header else ""
        elif kind:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not header:
                header = cells
            elif not set(line) <= set("|-: "):
                yield kind, dict(zip(header, cells, strict=True))


def _case(kind: str, row: Mapping[str, str], pack: Pack) -> Case:
    if kind == "decision":
        return Case(kind, row["case"], _with_tier(row["row"]) | set(re.findall(r"RG-\w+", row["lists"])))
    if kind == "b12_class":
        unit = {"pg/mL": "ng/L"}.get(row["unit"], row["unit"])
        bands = {one.id for one in pack.band_sets if (one.analyte, one.unit) == (row["analyte"], unit)}
        return Case(kind, f"{row['analyte']} {row['reported']} {row['unit']}", frozenset(bands))
    if kind == "mma_class":
        is_read_by_bands = row["unit"] and (row["eGFR"], row["laboratory limit"]) == ("none", "none")
        of_age = "mma_65_plus" if int(row["age"]) >= pack.number("mma_older_age") else "mma_16_64"
        name = f"MMA {row['reported']} at {row['age']}"
        return Case(kind, name, frozenset({of_age} if is_read_by_bands else ()))
    if kind == "watch":
        items = {f"{item} item" if item[0] == "C" else item for item in re.findall(r"[FC]\d+", row["items"])}
        return Case(kind, row["person"], frozenset(items | set(re.findall(r"C\d\d[ab]?", row["cautions"]))))
    if kind == "says":
        return Case(kind, row["person"], frozenset(re.findall(r"^[FC]\d+\b", row["says"])))
    key = re.search(r"decision_key (\S+)", row["expected"])
    shows = _with_tier(key.group(1)) if key else frozenset({row["expected"].split()[0]})
    return Case("story", row["person"], shows | set(re.findall(r"RG-\w+", row["expected"])))


def _with_tier(key: str) -> frozenset[str]:
    return frozenset({key} | ({f"tier {key[len('R50.tier_') :]}"} if key.startswith("R50.tier_") else set()))


def named_tests(sheet: Mapping[str, Any]) -> set[str]:
    """Every test that the page may name."""
    explicit = {test for one in sheet.values() for test in one.get("tests", ())}
    return {*_TESTS.values(), *explicit, *(one["test"] for one in sheet["without_case"].values())}


def named_hazards(sheet: Mapping[str, Any]) -> set[str]:
    """Every hazard that the page may name."""
    of_statements = {hazard for one in sheet.values() for hazard in one.get("hazards", ())}
    return of_statements | {hazard for hazards in sheet["hazards_of"].values() for hazard in hazards}


def read_statements() -> dict[str, Any]:
    return tomllib.loads(files("rules").joinpath(_SHEET).read_text(encoding="utf-8"))


class _Links:
    """What leads to what, for one pack."""

    def __init__(self, pack: Pack, sheet: Mapping[str, Any]) -> None:
        self.sheet = sheet
        self.statements = {name: one for name, one in sheet.items() if _STATEMENT.fullmatch(name)}
        self.rules = rules_of(pack)
        self.cases = cases_of(pack)
        self.not_computed = {
            **{one.id: one.not_computed for one in pack.cautions if not one.cases},
            **{one.id: one.not_computed for one in pack.follow_up if not one.cases},
        }

    def named(self, name: str) -> list[Rule]:
        """The rules that a statement means: by name, or by row id for all its cases."""
        return [rule for rule in self.rules if rule.name == name or rule.name.startswith(f"{name}.")]

    def shown_by(self, rule: Rule) -> list[Case]:
        """The cases whose expectation shows the rule, in the order of the files, near misses of another row last."""
        shown = [case for case in self.cases if rule.name in case.shows]
        return sorted(shown, key=lambda case: "near miss" in case.name)

    def cells(self, rule: Rule) -> tuple[str, ...]:
        """Statements, cases, tests and hazards of a rule; refuses a rule that lacks one."""
        tags = [tag for tag in rule.evidence if tag in self.statements]
        stated = [
            name
            for name, one in self.statements.items()
            if name in tags or any(rule in self.named(which) for which in one["rules"])
        ]
        statements = ", ".join(stated) or f"none: {', '.join(rule.evidence)}"
        hazards = [
            hazard
            for pattern, ids in self.sheet["hazards_of"].items()
            if fnmatchcase(rule.name, pattern)
            for hazard in ids
        ]
        shown = self.shown_by(rule)
        excused = self.sheet["without_case"].get(rule.name)
        if excused and not shown:
            why = self.not_computed.get(rule.name)
            cases, tests = f"none: {excused['reason']}{f'. {why}' if why else ''}", _code([excused["test"]])
        else:
            cases = _cut([case.name for case in shown])
            tests = _code(dict.fromkeys(_TESTS[case.kind] for case in shown))
        return _full(
            f"{rule.group}, {rule.name}", statements, cases, tests, ", ".join(dict.fromkeys(hazards))
        )


def traceability_markdown(pack: Pack) -> str:
    """The page. Raises RulePackError, naming statement or rule, where a link is missing."""
    links = _Links(pack, read_statements())
    lines = [
        "<!-- Generated by `make docs` from the pack, its cases and rules/statements.toml: change those. -->",
        "",
        "# From the article to the tests",
        "",
        f"Pack {pack.ref}. Each statement leads to rules, each rule to cases whose expectation shows it, to the test",
        "that runs them, and to hazards of [clinical safety](clinical-safety.md).",
        f"At most {SHOWN_CASES} cases are named. That no rule can be changed without a case noticing it is tested in",
        "`tests/spec/test_mutations.py`.",
        "",
        "## Statements",
        "",
        "| statement | in words | kind | rules | shown instead | cases | tests | hazards |",
        "|---|---|---|---|---|---|---|---|",
        *(_statement_line(name, one, links) for name, one in links.statements.items()),
    ]
    for group in dict.fromkeys(rule.group for rule in links.rules):
        lines += [
            "",
            f"## {group}",
            "",
            "| rule | in words | statements | cases | tests | hazards |",
            "|---|---|---|---|---|---|",
            *(
                f"| `{rule.name}` | {_words(rule.label)} | {' | '.join(links.cells(rule))} |"
                for rule in links.rules
                if rule.group == group
            ),
        ]
    return "\n".join(lines) + "\n"


def _statement_line(name: str, one: Mapping[str, Any], links: _Links) -> str:
    where = f"statement {name}"
    if one["kind"] not in KINDS:
        raise _refused(where, f"a kind among {', '.join(KINDS)}")
    if one["kind"] != "computed" and not one.get("instead"):
        raise _refused(where, "what is shown instead (`instead`)")
    for rule in one["rules"]:
        if not links.named(rule):
            raise _refused(where, f"a rule named {rule}")
    rules = [rule for name_of_rule in one["rules"] for rule in links.named(name_of_rule)]
    shown = [case for rule in rules for case in links.shown_by(rule)[:1]]
    tests = dict.fromkeys([*one.get("tests", ()), *(_TESTS[case.kind] for case in shown)])
    cells = _full(
        where,
        one["words"],
        one["kind"].replace("_", " "),
        _code(one["rules"]),
        one.get("instead", "nothing: all of it is computed"),
        _cut(list(dict.fromkeys(case.name for case in shown))),
        _code(tests),
        ", ".join(one["hazards"]),
    )
    return f"| {name} | {' | '.join(cells)} |"


def _full(where: str, *cells: str) -> tuple[str, ...]:
    if not all(cells):
        raise _refused(where, "a link: statement, case, test or hazard")
    return cells


def _refused(where: str, lacks: str) -> RulePackError:
    return RulePackError(
        f"rules/{_SHEET}: {where} lacks {lacks}.", "Every cell of the traceability page is filled."
    )


def _cut(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_CASES
    return _words("; ".join(names[:SHOWN_CASES])) + (f" and {more} more" if more > 0 else "")


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _words(text: str) -> str:
    return text.replace("<", "&lt;").replace(">", "&gt;")
