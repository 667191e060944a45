# Imports stand where they are needed: start-up time is part of the interface.
# ruff: noqa: PLC0415
"""The command line: run, explain, rules, serve.

Results go to stdout, everything else to stderr. `--version` and `rules` answer at once, and `--direct` never
loads an orchestration engine.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from schemas.errors import ConfigurationError, OutputError, ScreenError

if TYPE_CHECKING:
    from flows.context import Night

SAMPLE: Final = Path("sample_data/clinic_demo/screen.toml")
"""What `run` screens where it is told nothing, in a checkout."""

KILLED_BY: Final = 128

app = typer.Typer(
    help="Nightly population screen for vitamin B12 deficiency. Decision support, not a diagnosis.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
rules_app = typer.Typer(
    help="The rule pack: what it holds, where from, signed by whom.", no_args_is_help=True
)
app.add_typer(rules_app, name="rules")

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Site configuration (TOML).")]
Extracts = Annotated[Path | None, typer.Option("--extracts", metavar="DIR", help="Folder of extracts.")]
Output = Annotated[Path | None, typer.Option("--output", metavar="DIR", help="Where publications go.")]
Warehouse = Annotated[Path | None, typer.Option("--warehouse", metavar="FILE", help="DuckDB file.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="The day to screen for: 2026-06-30.")
]
PackId = Annotated[str | None, typer.Option("--pack", metavar="ID", help="Rule pack, for example b12/1.0.0.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Debug = Annotated[bool, typer.Option("--debug", help="Say where in the program an error arose.")]


class Stopped(BaseException):
    """The process was asked to end; `number` is the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Show the version.")] = False,
) -> None:
    if version:
        from flows.context import code_version

        typer.echo(f"b12screen {code_version()}")
        raise typer.Exit


@app.command()
def run(
    config: Config = None,
    extracts: Extracts = None,
    output: Output = None,
    warehouse: Warehouse = None,
    as_of: AsOf = None,
    pack: PackId = None,
    direct: Annotated[bool, typer.Option("--direct", help="Without the orchestration engine.")] = False,
    no_workbooks: Annotated[bool, typer.Option("--no-workbooks", help="Leave out worklist.xlsx.")] = False,
    accept_low_volume: Annotated[
        bool, typer.Option("--accept-low-volume", help="Publish although far fewer results came in.")
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Screen the extracts and publish worklists. In a checkout, without options: the sample, into ./out."""
    with _explained(debug, as_json, lambda: _output_folder(config, output)):
        from flows.progress import shown
        from flows.report import finish

        asked: dict[str, Any] = {
            "config": config or _sample(extracts),
            "extracts": extracts,
            "output": output,
            "warehouse": warehouse,
            "as_of": _date(as_of),
            "pack": pack,
            "with_workbooks": not no_workbooks,
            "accept_low_volume": accept_low_volume,
        }
        with shown(debug=debug) as progress:
            night, outcome = _directly(asked) if direct else _orchestrated(asked, progress.say, debug)
        finish(night, outcome["run_id"], outcome["is_new"], progress.seconds, as_json)


def _directly(asked: dict[str, Any]) -> tuple[Night, dict[str, Any]]:
    from flows import stages
    from flows.context import opened

    with opened(stages.planned(**asked)) as night:
        return night, stages.run_all(night)


def _orchestrated(
    asked: dict[str, Any], say: Callable[[str], None], debug: bool
) -> tuple[Night, dict[str, Any]]:
    from flows import orchestration, stages
    from flows.context import beside, checked

    night = checked(stages.planned(**asked))
    orchestration.settle(
        beside(night.warehouse, "prefect"), PREFECT_LOGGING_LEVEL="WARNING" if debug else "CRITICAL"
    )
    say("starting the orchestration engine (about 10 s the first time; --direct does without)")
    from flows.nightly import nightly

    parameters: dict[str, Any] = {
        name: str(value) if isinstance(value, Path) else value for name, value in asked.items()
    }
    # The date is settled here, so that a start before midnight and an end after it mean one day.
    outcome: Any = nightly(**parameters | {"as_of": night.as_of.isoformat()})
    return night, outcome


@app.command("check")
def check_sources(
    config: Config = None,
    extracts: Extracts = None,
    as_of: AsOf = None,
    pack: PackId = None,
    rows: Annotated[
        int, typer.Option("--rows", min=1, metavar="N", help="Rows of each file or query to look at.")
    ] = 10_000,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Try every source and say what a run would see of a sample. Nothing is published, stored or locked."""
    with _explained(debug, as_json):
        from flows.check import checked, finish
        from flows.stages import planned

        night = planned(config=config or _sample(extracts), extracts=extracts, as_of=_date(as_of), pack=pack)
        code = finish(checked(night, rows), as_json)
    if code:
        raise typer.Exit(code)


@app.command()
def explain(
    patient_id: Annotated[str, typer.Argument(metavar="PATIENT_ID", show_default=False)],
    config: Config = None,
    output: Output = None,
    warehouse: Annotated[
        Path | None,
        typer.Option(
            "--warehouse",
            metavar="FILE",
            help="Taken so that the options of `run` serve here too; all that is told stands in the publication.",
        ),
    ] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Why this person is, or is not, on each list of the latest publication (or of the one of --as-of)."""
    with _explained(debug, as_json):
        from flows.context import where
        from flows.explain import explained
        from flows.explain_words import in_words

        if not output and not config and SAMPLE.is_file():
            config = SAMPLE
        folder = where(config, output)
        account = explained(folder, patient_id, _date(as_of))
        typer.echo(json.dumps(account, ensure_ascii=False, default=str) if as_json else in_words(account))


@app.command()
def serve(
    config: Config = None,
    extracts: Extracts = None,
    output: Output = None,
    warehouse: Warehouse = None,
    pack: PackId = None,
    cron: Annotated[str | None, typer.Option("--cron", help="Instead of [schedule] cron.")] = None,
    debug: Debug = False,
) -> None:
    """Run every night by the schedule of the configuration, one night at a time, until stopped."""
    with _explained(debug, as_json=False):
        from flows.serve import serve_nightly
        from flows.stages import planned

        asked: dict[str, Any] = {
            "config": config,
            "extracts": extracts,
            "output": output,
            "warehouse": warehouse,
            "pack": pack,
        }
        serve_nightly(planned(**asked), asked, cron)


@rules_app.command()
def check(pack: PackId = None, as_json: AsJson = False, debug: Debug = False) -> None:
    """Load every pack, or one, which proves it complete, and list what still stands in the way of signing it."""
    with _explained(debug, as_json):
        from rules.describe import check_lines
        from rules.loader import held_packs, load_pack
        from rules.lookalikes import check_line

        loaded = [load_pack(ref) for ref in ([pack] if pack else held_packs())]
        told = [{"pack": each.ref, "lines": [*check_lines(each), check_line(each)]} for each in loaded]
        if as_json:
            typer.echo(_json(**told[0]) if pack else _json(packs=told))
        else:
            typer.echo("\n\n".join("\n".join(each["lines"]) for each in told))


@rules_app.command()
def show(pack: PackId = None, as_json: AsJson = False, debug: Debug = False) -> None:
    """The pack in words, as Markdown; what an inheriting pack changes stands first."""
    with _explained(debug, as_json):
        from flows.pages import pack_in_words
        from flows.settings import Screen

        ref = pack or Screen().pack
        text = pack_in_words(ref)
        typer.echo(_json(pack=ref, markdown=text) if as_json else text)


@rules_app.command()
def docs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the pages go.")],
    pack: PackId = None,
    debug: Debug = False,
) -> None:
    """Write the page of `show` to DIR/rules-<pack>.md, for every pack or for one."""
    with _explained(debug, as_json=False):
        from flows.pages import write_rule_page
        from rules.loader import held_packs

        try:
            for ref in [pack] if pack else held_packs():
                typer.echo(str(write_rule_page(folder, ref)))
        except OSError as error:
            raise OutputError(
                f"The pages cannot be written to {folder} ({error.strerror}).", "Name a folder that can be."
            ) from None


@rules_app.command()
def codelists(
    write: Annotated[
        bool, typer.Option("--write", help="Write the hash of every changed list into lists.toml.")
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Version, date and state of every codelist, and whether it is what its hash says."""
    with _explained(debug, as_json):
        from rules.list_register import changed_lists, in_words, read_register, register_root, write_hashes

        root = register_root()
        written = write_hashes(root) if write else []
        register, changed = read_register(root), changed_lists(root)
        if as_json:
            lists = [vars(each) | {"is_changed": each.name in changed} for each in register.values()]
            typer.echo(_json(lists=lists, written=written))
        else:
            typer.echo("\n".join(in_words(register, changed, written)))


@rules_app.command()
def diff(
    pack_a: Annotated[str, typer.Argument(metavar="PACK_A", show_default=False)],
    pack_b: Annotated[str, typer.Argument(metavar="PACK_B", show_default=False)],
    extracts: Extracts = None,
    config: Config = None,
    as_of: AsOf = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="CSV with one row per person who moves.")
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """The entries two packs say otherwise and, with extracts, who moves from where to where. Nothing is published."""
    with _explained(debug, as_json):
        from flows import rules_diff

        if not extracts and not config:
            rules_diff.refuse_people_without_extracts(output, as_of)
            account = rules_diff.compare_packs(pack_a, pack_b)
        else:
            from flows.progress import shown

            with shown(debug=debug):
                account = rules_diff.compare_on_extracts(
                    pack_a, pack_b, config=config, extracts=extracts, as_of=_date(as_of), output=output
                )
        rules_diff.finish(account, as_json)


def _sample(extracts: Path | None) -> Path | None:
    """The sample's configuration where nothing else was asked for and the sample is here."""
    return SAMPLE if extracts is None and SAMPLE.is_file() else None


def _date(text: str | None) -> Any:
    from datetime import date

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError("--as-of is not a date.", "write it as 2026-06-30.") from None


def _output_folder(config: Path | None, output: Path | None) -> Path:
    from flows.context import where

    return where(config or _sample(None), output)


def _json(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False, default=str)


@contextmanager
def _explained(debug: bool, as_json: bool, standing: Callable[[], Path] | None = None) -> Iterator[None]:
    """Turns every failure into a message on stderr and an exit code; a traceback only with --debug.

    standing: finds the output folder, so that a failed run can say which publication still stands.
    """
    logging.getLogger("b12screen").setLevel(logging.DEBUG if debug else logging.INFO)
    signal.signal(signal.SIGTERM, _stop)
    try:
        yield
        return
    except ScreenError as error:
        kind, message, code = type(error).__name__, str(error), error.exit_code
        place = error.__traceback__ if debug else None
    except (KeyboardInterrupt, Stopped) as stop:
        number = stop.number if isinstance(stop, Stopped) else signal.SIGINT
        kind, code = "Stopped", KILLED_BY + number
        message = "Nothing half-done is left; run again to start over."
        place = None
    except (typer.Exit, typer.Abort, SystemExit, BrokenPipeError):
        raise
    except Exception as error:
        kind, code = type(error).__name__, ScreenError.exit_code
        message = "This is a defect of the program. The error's text is held back: it may quote a row."
        place = error.__traceback__ if debug else None
    _tell(kind, message, code, as_json, _standing(standing))
    if place is not None:
        from flows.watch import place_of

        typer.echo(f"  at {place_of(place)}", err=True)
    _leave(code)


def _tell(kind: str, message: str, code: int, as_json: bool, stands: str | None) -> None:
    typer.echo(f"{kind}: {message}", err=True)
    if stands:
        typer.echo(stands, err=True)
    if as_json:
        typer.echo(_json(status="failed", exit_code=code, error=kind, message=message, standing=stands))


def _standing(standing: Callable[[], Path] | None) -> str | None:
    if standing is None:
        return None
    from exports.publish import latest

    try:
        folder = standing()
        manifest = latest(folder)
    except ScreenError:
        return None
    if manifest is None:
        return f"There is no publication in {folder}."
    return f"The publication {manifest['run_id']} (as of {manifest['as_of']}) in {folder} still stands."


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


def _leave(code: int) -> None:
    raise typer.Exit(code)


def main() -> None:
    """Runs the command line. A closed pipe (`| head`) ends it quietly."""
    try:
        app(prog_name="b12screen")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(KILLED_BY + signal.SIGPIPE)


if __name__ == "__main__":
    main()
