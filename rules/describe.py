"""A rule pack in words: what a clinician reads before signing, and what stands in the way of signing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules.compare import Difference, band_in_words, differences
from rules.model import Condition, DecisionRow, Fact, Output, Pack, Priority

_KNOWLEDGE = ("K", "P")


def check_lines(pack: Pack) -> list[str]:
    """One line per open point of a pack that loads: sign-off, weak evidence, rows not held, codes held back."""
    entries = list(pack.entries())
    unsigned = [name for name, fact in entries if fact.state != "signed"]
    reviewed = [name for name, fact in entries if fact.state == "reviewed"]
    in_part = [name for name, fact in entries if "K" in fact.evidence and not _rests_on(fact, "K")]
    by_knowledge = [name for name, fact in entries if _rests_on(fact, "K")]
    by_choice = [name for name, fact in entries if _rests_on(fact, "P")]
    both = [name for name, fact in entries if set(fact.evidence) == set(_KNOWLEDGE)]
    return [
        f"{pack.ref} is complete: {len(pack.decisions)} decision rows, {len(pack.codes)} codes.",
        *_change_lines(pack),
        pack.sign_off.line,
        _unsigned(unsigned, len(entries), len(reviewed)),
        _named("rest on general knowledge alone [K]", by_knowledge),
        _named("rest on general knowledge among other evidence [K and more]", in_part),
        _named("rest on a choice of this project alone [P]", by_choice),
        _named("rest on general knowledge and project choice alone [K, P]", both),
        f"{pack.codes_held_back} codes are held back (not verified, or excepted) and do not match.",
        f"{pack.names_held_back} medicine names wait for review and do not match.",
        f"{len(pack.rows_not_held)} rows of the clinical table are not held{':' if pack.rows_not_held else '.'}",
        *(f"  {row}" for row in pack.rows_not_held),
    ]


def _unsigned(names: Sequence[str], entries: int, reviewed: int) -> str:
    counted = f"{len(names)} of {entries} entries are not signed ({reviewed} of them reviewed)"
    return f"{counted}." if len(names) in (0, entries) else f"{counted}: {', '.join(names)}."


def _change_lines(pack: Pack) -> Iterator[str]:
    if pack.inherits:
        own = [change for change in pack.changes if change.pack_ref == pack.ref]
        named = ", ".join(f"{change.entry}{' (off)' if change.is_off else ''}" for change in own)
        unsigned = sum(change.fact.state != "signed" for change in own)
        yield f"It inherits {pack.inherits} and changes {len(own)} entries, {unsigned} of them not signed: {named}."


def _rests_on(fact: Fact, tag: str) -> bool:
    return set(fact.evidence) == {tag}


def _named(what: str, names: Sequence[str]) -> str:
    return f"{len(names)} entries {what}" + (f": {', '.join(names)}." if names else ".")


def show_markdown(pack: Pack, parent: Pack | None = None) -> str:
    """The pack as Markdown: sign-off, decision table in order, bands, parameters, clues, regimens, sources.

    parent: the pack it inherits; what it changes then stands first.
    """
    parts = [
        [
            f"# {pack.title}",
            "",
            f"Pack `{pack.id}/{pack.version}`. {pack.population}",
            "",
            pack.sign_off.line,
        ],
        *([_difference_lines(parent, pack)] if parent else []),
        ["## Decision table", "", "The first row that holds decides.", "", *_decision_lines(pack)],
        ["## Rows not held", "", *([f"- {row}" for row in pack.rows_not_held] or ["None."])],
        ["## Follow-up during replacement", "", *_follow_up_lines(pack)],
        ["## Cautions", "", *_caution_lines(pack)],
        ["## How a result is read", "", *_band_lines(pack)],
        ["## Parameters", "", *_parameter_lines(pack)],
        ["## Symptoms and signs", "", *_clue_lines(pack, ("symptom",))],
        ["## Risk factors", "", *_clue_lines(pack, ("ng239", "aafp", "bsh"))],
        ["## Context", "", *_clue_lines(pack, ("context",))],
        ["## What counts as vitamin B12", "", *_replacement_lines(pack)],
        ["## Likely cause, first match", "", *_cause_lines(pack)],
        ["## Regimens", "", *_regimen_lines(pack)],
        ["## Codelists", "", *_list_lines(pack)],
        ["## Sources", "", *_source_lines(pack)],
        ["## Pack", "", f"sha256 `{pack.sha256}`"],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _difference_lines(parent: Pack, pack: Pack) -> list[str]:
    own = [change for change in pack.changes if change.pack_ref == pack.ref]
    return [
        f"## What it changes in {parent.ref}",
        "",
        f"Everything else on this page is as in `{parent.ref}`.",
        "",
        f"| entry | clause | {parent.ref} | {pack.ref} |",
        "|---|---|---|---|",
        *(_difference_line(each) for each in differences(parent, pack, with_evidence=False)),
        "",
        *(
            f"- {change.entry}{' (switched off)' if change.is_off else ''}: {change.fact.source}. {_cited(change.fact)}"
            for change in own
        ),
    ]


def _difference_line(each: Difference) -> str:
    cells = (
        f"{each.kind} `{each.entry}`",
        each.clause,
        each.before or "(nothing)",
        each.after or "(nothing)",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _cited(fact: Fact) -> str:
    by = {"reviewed": fact.reviewed_by, "signed": fact.signed_by}.get(fact.state)
    who = f" by the {by.role} on {by.on}" if by else ""
    return f"[{', '.join(fact.evidence)}; {fact.state}{who}]"


def _decision_lines(pack: Pack) -> Iterator[str]:
    for place, row in enumerate(pack.decisions, start=1):
        yield f"{place}. **{row.key}** {row.label}: status `{row.status}`, {_when(row.when)}. {_cited(row.fact)}"
        yield f"   Reason: {row.reason}"
        yield from _output_lines(row)
    yield ""
    for worklist, condition in pack.suppressed_by.items():
        yield f"Nobody is put on `{worklist}` {_when(condition)}."


def _output_lines(row: DecisionRow) -> Iterator[str]:
    for output in row.outputs:
        yield f"   - `{output.worklist}` {_priorities(output)}{_extras(output)}: {output.action}"
        own = [one for one in output.priorities if one.action]
        yield from (f"     - {one.priority} {_when(one.when)}: {one.action}" for one in own)
    if not row.outputs:
        yield "   - no list"


def _priorities(output: Output) -> str:
    named = [
        f"{choice.priority} {_when(choice.when)}" if choice.when else f"{choice.priority} otherwise"
        for choice in output.priorities
    ]
    only = output.priorities[0]
    return only.priority if len(named) == 1 and not only.when else "; ".join(named)


def _follow_up_lines(pack: Pack) -> Iterator[str]:
    for item in pack.follow_up:
        yield f"- **{item.id}** {item.label}{_choices(item.priorities)}. {_cited(item.fact)}"
        for case in item.cases:
            overdue = f", overdue {case.overdue_days} days later" if case.overdue_days else ""
            yield f"  - {_when(case.when)}: due {case.due_days} days after its date{overdue}: {case.text}"
        yield from ([f"  - not computed: {item.not_computed}"] if item.not_computed else [])


def _choices(priorities: Sequence[Priority]) -> str:
    named = [f"{one.priority} {_when(one.when)}" if one.when else one.priority for one in priorities]
    return f": {', else '.join(named)}" if named else ""


def _caution_lines(pack: Pack) -> Iterator[str]:
    for caution in pack.cautions:
        alone = (
            f"; lists for safety review by itself when {' or '.join(caution.alone)}" if caution.alone else ""
        )
        yield f"- **{caution.id}** {caution.label}{alone}. {_cited(caution.fact)}"
        for case in caution.cases:
            yield f"  - {case.severity} {_when(case.when)}: {case.text}"
        yield from ([f"  - not computed: {caution.not_computed}"] if caution.not_computed else [])


def _extras(output: Output) -> str:
    regimen = {"": "", "by_cause": ", regimen by cause"}.get(output.regimen, f", regimen {output.regimen}")
    due = f", due {output.due_days} days after the index sample" if output.due_days else ""
    return regimen + due


def _when(condition: Condition) -> str:
    if not condition:
        return "always"
    return "when " + " and ".join(f"{fact} is {' or '.join(words)}" for fact, words in condition.items())


def _band_lines(pack: Pack) -> Iterator[str]:
    for bands in pack.band_sets:
        applies = f", {bands.applies}" if bands.applies else ""
        named = "; ".join(f"{band.name} {band_in_words(band)}" for band in bands.bands)
        yield f"- `{bands.analyte}` in {bands.unit}{applies}: {named}. {bands.fact.source}. {_cited(bands.fact)}"


def _parameter_lines(pack: Pack) -> Iterator[str]:
    yield "| parameter | value | unit | meaning | evidence |"
    yield "|---|---|---|---|---|"
    for entry in pack.parameters.values():
        value = entry.value if isinstance(entry.value, str) else f"{entry.value:.10g}"
        yield f"| `{entry.id}` | {value} | {entry.unit} | {entry.meaning} | {_cited(entry.fact)} |"


def _clue_lines(pack: Pack, groups: Sequence[str]) -> Iterator[str]:
    for clue in pack.clues:
        if clue.group not in groups:
            continue
        notes = [
            f"neurological, {clue.neuro.replace('_', ' ')}" if clue.neuro else "",
            "low weight" if clue.low_weight else "",
            "while supplied" if clue.current_only else "",
            "second factor of the metformin tier" if clue.tier_c else "",
        ]
        lists = ", ".join(f"`{concept}`" for concept in clue.concepts) or "computed"
        yield f"- {'; '.join([clue.label, *filter(None, notes)])} ({lists}) {_cited(clue.fact)}"


def _replacement_lines(pack: Pack) -> Iterator[str]:
    for form in pack.replacement_forms:
        counts = f"counts, form {form.form}" if form.counts else "never treatment"
        yield f"- `{form.concept}`: {counts}. {form.fact.source}. {_cited(form.fact)}"


def _cause_lines(pack: Pack) -> Iterator[str]:
    for place, cause in enumerate(pack.causes, start=1):
        lasting = ", irreversible" if cause.irreversible else ""
        yield f"{place}. {cause.label}{lasting}: {cause.regimen_id}. {cause.fact.source}. {_cited(cause.fact)}"


def _regimen_lines(pack: Pack) -> Iterator[str]:
    for regimen in pack.regimens.values():
        yield f"- **{regimen.id}** {regimen.text} {_cited(regimen.fact)}"


def _list_lines(pack: Pack) -> Iterator[str]:
    unsigned = sum(each.state != "signed" for each in pack.lists)
    yield f"{len(pack.lists)} lists, {unsigned} of them not signed. What a list matches: `rules/codelists/README.md`."
    yield ""
    yield "| list | version | date | codes | unverified | state | source | sha256 |"
    yield "|---|---|---|---|---|---|---|---|"
    for each in pack.lists:
        yield (
            f"| `{each.name}` | {each.version} | {each.date} | {each.codes} | {each.unverified or ''} | {each.state} "
            f"| {each.source} | `{each.sha256[:12]}` |"
        )


def _source_lines(pack: Pack) -> Iterator[str]:
    yield "- S: numbered statement of the clinical article the screen was asked to carry out (awaiting review)."
    yield "- K: general clinical knowledge, to be checked by a clinician. P: a choice of this project."
    yield from (f"- {tag}: {title}" for tag, title in pack.sources.items())
