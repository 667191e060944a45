"""The report of one publication: one HTML page of counts that needs no network and no script.

It may go to people who may not see patients: every count passes through `exports.disclosure`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from html import escape
from importlib.resources import files
from typing import Any, Final

from exports.charts import bar, histogram, number
from exports.disclosure import hidden_steps, shown
from exports.tally import ALL, PARTS_OF_ROWS_IN, Summary, Tally
from exports.wording import (
    CAUTIONS_IN_WORDS,
    DECISION_SUPPORT,
    DECISION_SUPPORT_LONG,
    LIST_MEANINGS,
    LIST_TITLES,
    PRIORITIES_IN_WORDS,
    SIGN_OFF_STATES_IN_WORDS,
    unverified_in_words,
)
from schemas.vocabulary import LISTS, PRIORITIES, UNASSIGNED_CLINIC

_HEAD_OF_BARS: Final = '<th class="bars" aria-hidden="true"></th>'


def render_report(summary: Summary) -> str:
    """The page, from the summary of a run: all text escaped, small counts and what betrays them hidden."""
    tally = Tally(summary)
    sections = (
        _funnel(summary),
        _lists(tally),
        _clinics(summary, tally),
        _histograms(summary, tally),
        _statuses(summary, tally),
        _quarantine(summary, tally),
        _conservation(summary, tally),
        _pack(summary),
        _codes(summary),
        _not_seen(summary, tally),
        _definitions(summary),
    )
    style = files("exports").joinpath("report.css").read_text(encoding="utf-8")
    foot = f"{DECISION_SUPPORT} {summary['sign_off_line']} Publication {summary['run_id']}."
    return (
        '<!DOCTYPE html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>Vitamin B12 screen, {escape(_day(summary['as_of']))}</title>\n"
        f"<style>\n{style}</style>\n</head>\n<body>\n{_head(summary, tally)}<main>\n{''.join(sections)}</main>\n"
        f"<footer>{escape(foot)}</footer>\n</body>\n</html>\n"
    )


def _head(summary: Summary, tally: Tally) -> str:
    state = str(summary["pack"]["sign_off"])
    facts = {
        "Publication": str(summary["run_id"]),
        "Rules": f"{summary['pack']['id']} {summary['pack']['version']}",
        "Program": str(summary["code_version"]),
    }
    return (
        f'<header>\n<p class="kicker">Vitamin B12 screen</p>\n<h1>As of {escape(_day(summary["as_of"]))}</h1>\n'
        f'<p class="facts">{"".join(f"<span>{escape(k)} <b>{escape(v)}</b></span>" for k, v in facts.items())}</p>\n'
        f'<div class="banner {"signed" if state == "signed" else "unsigned"}" role="note">'
        f"<strong>{escape(SIGN_OFF_STATES_IN_WORDS[state].capitalize())}</strong>"
        f"<span>{escape(str(summary['sign_off_line']))}</span></div>\n"
        f'<p class="support"><strong>{DECISION_SUPPORT}</strong> {DECISION_SUPPORT_LONG}</p>\n'
        f"{_tiles(summary, tally)}</header>\n"
    )


def _tiles(summary: Summary, tally: Tally) -> str:
    steps = _funnel_words(summary)
    ends = steps if len(steps) < 3 else [steps[0], steps[-1]]
    tiles = [
        *((words, label) for label, words, _ in ends),
        (tally.words("priority", ALL, "P1"), "rows of priority P1"),
        (tally.words("priority", ALL, ALL), "rows on all lists"),
    ]
    cells = (f"<div><b>{escape(words)}</b><span>{escape(label)}</span></div>" for words, label in tiles)
    return f'<div class="tiles">{"".join(cells)}</div>\n'


def _funnel_words(summary: Summary) -> list[tuple[str, str, int]]:
    """Label, count as it may be shown, and the count that a bar may show."""
    below = int(summary["suppress_below"])
    counts = [int(count) for _, count in summary["funnel"]]
    steps: list[tuple[str, str, int]] = []
    last_shown = 0
    for (label, count), is_hidden in zip(summary["funnel"], hidden_steps(counts, below), strict=True):
        if not is_hidden:
            last_shown = count
        if is_hidden and count >= below:
            steps.append((str(label), f"about {last_shown:,}", last_shown))
        else:
            steps.append((str(label), shown(count, is_hidden, below), below if is_hidden else count))
    return steps


def _funnel(summary: Summary) -> str:
    steps = _funnel_words(summary)
    widest = max((length for *_, length in steps), default=0) or 1
    lines = [
        f'<th scope="row">{escape(label)}</th><td class="count">{escape(words)}</td>'
        f'<td class="bars">{bar(length / widest)}</td>'
        for label, words, length in steps
    ]
    head = '<th>step</th><th class="count">people</th>' + _HEAD_OF_BARS
    return _section("From the extract to the lists", _table(head, lines, "funnel"))


def _lists(tally: Tally) -> str:
    priorities = "".join(
        f'<th scope="col" class="count"><i class="swatch {p.lower()}"></i>{p}</th>' for p in PRIORITIES
    )
    head = f'<th>list</th>{priorities}{_count_heads(["all"])}<th class="bars" scope="col">share</th>'
    lines = [
        f'<th scope="row">{LIST_TITLES[name]}<small>{escape(LIST_MEANINGS[name])}</small></th>'
        + "".join(_count(tally, "priority", name, p) for p in (*PRIORITIES, ALL))
        + f'<td class="bars">{_stack(tally, name)}</td>'
        for name in LISTS
    ]
    foot = "".join(_count(tally, "priority", ALL, p) for p in (*PRIORITIES, ALL))
    table = _table(head, lines, "lists", f'<th scope="row">all lists</th>{foot}<td class="bars"></td>')
    return _section(
        "Lists by priority",
        f"<p>{escape(PRIORITIES_IN_WORDS)} A person on two lists counts once on each.</p>{table}",
    )


def _stack(tally: Tally, name: str) -> str:
    lengths = {p: tally.length("priority", name, p) for p in PRIORITIES}
    whole = sum(lengths.values()) or 1
    parts = (bar(length / whole, f"part {p.lower()}") for p, length in lengths.items() if length)
    return f'<span class="stack" aria-hidden="true">{"".join(parts)}</span>'


def _clinics(summary: Summary, tally: Tally) -> str:
    clinics = sorted(str(clinic) for clinic in summary["clinics"])
    if not clinics:
        return _section("Lists by clinic", '<p class="none">No clinic in this run.</p>')
    head = f"<th>clinic</th>{_count_heads((*(LIST_TITLES[name] for name in LISTS), 'all'))}"
    lines = [
        f'<th scope="row">{_clinic(clinic)}</th>'
        + "".join(_count(tally, "clinic", clinic, name) for name in (*LISTS, ALL))
        for clinic in clinics
    ]
    foot = "".join(_count(tally, "clinic", ALL, name) for name in (*LISTS, ALL))
    table = _table(head, lines, "clinics", f'<th scope="row">all clinics</th>{foot}')
    return _section("Lists by clinic", table)


def _clinic(clinic_id: str) -> str:
    return "<i>no clinic in the extract</i>" if clinic_id == UNASSIGNED_CLINIC else escape(clinic_id)


def _histograms(summary: Summary, tally: Tally) -> str:
    figures = [
        f"<figure><figcaption>Results in {escape(str(of['unit']))}</figcaption>{histogram(of, at, tally)}"
        f"<details><summary>the numbers</summary>{_bins(of, at, tally)}</details></figure>"
        for at, of in enumerate(summary["b12_histogram"])
    ]
    words = (
        "<p>Dashed lines are the band limits of the rules; hatched stubs are counts too small to show.</p>"
        if figures
        else '<p class="none">No B12 result to show.</p>'
    )
    return _section("B12 results", words + "".join(figures))


def _bins(of: dict[str, Any], at: int, tally: Tally) -> str:
    lines = [
        f'<th scope="row">{number(of["edges"][n])} to {number(of["edges"][n + 1])}</th>'
        + _count(tally, "b12", str(at), str(n))
        for n in range(len(of["counts"]))
    ]
    return _table(f'<th>{escape(str(of["unit"]))}</th><th class="count">results</th>', lines, "bins")


def _statuses(summary: Summary, tally: Tally) -> str:
    widest = max((tally.length("status", str(n)) for n in range(len(summary["statuses"]))), default=0) or 1
    lines = [
        f'<th scope="row"><code>{escape(str(status))}</code></th><td><code>{escape(str(rule or ""))}</code></td>'
        f"<td>{escape(str(label or ''))}</td>{_count(tally, 'status', str(n))}"
        f'<td class="bars">{bar(tally.length("status", str(n)) / widest)}</td>'
        for n, (status, rule, label, _) in enumerate(summary["statuses"])
    ]
    head = "<th>status</th><th>rule</th><th>meaning</th>" + _count_heads(["people"]) + _HEAD_OF_BARS
    return _section("What was decided", _table(head, lines, "statuses"))


def _quarantine(summary: Summary, tally: Tally) -> str:
    lines = [
        f'<th scope="row">{escape(str(line["table"]))}</th><td><code>{escape(str(line["reason"]))}</code></td>'
        f"<td>{escape(str(line['sentence']))}</td>{_count(tally, 'quarantine', str(at))}"
        for at, line in enumerate(summary["quarantine"])
    ]
    if not lines:
        return _section("Rows refused", '<p class="none">No row was refused.</p>')
    head = '<th>table</th><th>reason</th><th>in words</th><th class="count">rows</th>'
    words = (
        "<p>A refused row was not used; each is in the folder <code>quarantine</code> with its reason.</p>"
    )
    return _section("Rows refused", words + _table(head, lines, "quarantine"))


def _conservation(summary: Summary, tally: Tally) -> str:
    tables = [str(line["table"]) for line in summary["conservation"]]
    lines = [
        f'<th scope="row">{escape(table)}</th>'
        + "".join(_count(tally, "rows", table, part) for part in ("rows_in", *PARTS_OF_ROWS_IN))
        + ("<td>yes</td>" if tally.adds_up(table) else '<td class="alarm">NO</td>')
        for table in tables
    ]
    head = f"<th>table</th>{_count_heads(('rows in', *PARTS_OF_ROWS_IN.values()))}<th>adds up</th>"
    words = "<p>Every row that came in is used or accounted for; whether it adds up is checked on exact counts.</p>"
    return _section("Where the rows went", words + _table(head, lines, "conservation"))


def _pack(summary: Summary) -> str:
    pack = summary["pack"]
    facts = (
        ("Title", pack["title"]),
        ("Version", f"{pack['id']} {pack['version']}"),
        ("Sign-off", f"{pack['sign_off']}: {SIGN_OFF_STATES_IN_WORDS[pack['sign_off']]}"),
        ("Checksum", pack["sha256"]),
    )
    lines = "".join(f"<dt>{name}</dt><dd>{escape(str(value))}</dd>" for name, value in facts)
    not_held = pack["rows_not_held"]
    warning = (
        "<p>People whom only a row not held would list are on no list.</p>"
        if not_held
        else "<p>Every row of the specification is held.</p>"
    )
    return _section(
        "The rules",
        f"<dl>{lines}</dl><h3>Decision rows held</h3>{_chips(pack['rows_held'], 'held')}"
        f"<h3>Decision rows not held</h3>{_chips(not_held, 'not-held')}{warning}",
    )


def _codes(summary: Summary) -> str:
    unverified = unverified_in_words(summary)
    words = f'<p class="alarm">{escape(unverified)}</p>' if unverified else ""
    report = (summary.get("codelists") or {}).get("report")
    if report is None:
        return _section("Codes", f'{words}<p class="none">Codes that no list holds were not looked for.</p>')
    below = max(int(summary["suppress_below"]), int(report["min_rows"]))
    found = ", ".join(f"{count} in {table}" for table, count in report["unlisted"].items()) or "none"
    lines = [
        f'<th scope="row">{escape(line["table_name"])}</th><td>{escape(line["code_system"])}</td>'
        f'<td><code>{escape(line["code"])}</code></td><td class="count">{line["rows"]:,}</td>'
        f"<td>{escape(line['codelists'])}</td>"
        for line in report["most_used"]
        if line["rows"] >= below
    ]
    head = '<th>table</th><th>system</th><th>code</th><th class="count">rows</th><th>may belong to</th>'
    return _section(
        "Codes",
        f"{words}<p>Codes and names of the extract that look like ours but are in no codelist: {escape(found)}. "
        f"Listed codes used for less than {report['code_drop']:.0%} of the rows of the previous run: "
        f"{report['falling']}. All are in <code>all/unlisted_codes.csv</code> and <code>all/falling_codes.csv</code>; "
        f"what fewer than {report['min_rows']} rows hold is nowhere.</p>"
        + (_table(head, lines, "codes") if lines else ""),
    )


def _chips(words: Sequence[Any], kind: str) -> str:
    items = "".join(f"<li>{escape(str(word))}</li>" for word in words)
    return f'<ul class="chips {kind}">{items}</ul>' if items else '<p class="none">None.</p>'


def _not_seen(summary: Summary, tally: Tally) -> str:
    notes = "".join(f"<li>{_with_code(str(note))}</li>" for note in summary["notes"])
    words = f"<ul>{notes}</ul>" if notes else '<p class="none">Nothing to note: every table was there.</p>'
    lines = [
        f'<th scope="row"><code>{escape(str(line["place"]))}</code></th>'
        f"<td><code>{escape(str(line['why']))}</code></td>"
        f"{_count(tally, 'unseen', str(at))}"
        for at, line in enumerate(summary["not_seen"]["places"])
    ]
    if lines:
        words += (
            "<p>Of these people a record could not be used. What it would have shown is unknown, not normal: "
            "<code>not_seen</code> and <code>cannot_tell</code> in <code>all/decisions.parquet</code> name them.</p>"
        )
        head = '<th>record</th><th>why</th><th class="count">people</th>'
        words += _table(head, lines, "unseen")
    return _section("What this run could not see", words)


def _definitions(summary: Summary) -> str:
    below = int(summary["suppress_below"])
    small = (
        f"Counts of 1 to {below - 1} are shown as <{below}. A count shown as ≥{below} is larger, and hidden because "
        "a small one could be found from it. “About” means that the step differs from the one shown "
        f"above it by fewer than {below} people."
        if below > 1
        else "No count is hidden in this report."
    )
    terms = {
        "Row of a list": "one person on one list",
        "Small numbers": small,
        "Cautions": CAUTIONS_IN_WORDS,
        "As of": "the day that counts as today; what was received later is not yet known",
    }
    lines = "".join(f"<dt>{escape(term)}</dt><dd>{_with_code(words)}</dd>" for term, words in terms.items())
    return _section("Definitions", f"<dl>{lines}</dl>")


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{body}</section>\n"


def _table(head: str, lines: Iterable[str], kind: str, foot: str = "") -> str:
    body = "".join(f"<tr>{line}</tr>\n" for line in lines)
    last = f"<tfoot><tr>{foot}</tr></tfoot>" if foot else ""
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody>{last}</table></div>\n"
    ).replace("<th>", '<th scope="col">')


def _count_heads(words: Iterable[str]) -> str:
    return "".join(f'<th scope="col" class="count">{escape(word)}</th>' for word in words)


def _count(tally: Tally, *key: str) -> str:
    words = tally.words(*key)
    kind = "count hid" if tally.is_hidden(*key) else "count zero" if words == "0" else "count"
    return f'<td class="{kind}">{escape(words)}</td>'


def _with_code(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _day(iso: str) -> str:
    day = date.fromisoformat(str(iso))
    return f"{day.day} {day:%B %Y}"
