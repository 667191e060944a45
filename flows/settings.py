"""A site's configuration: typed, complete with defaults, and strict about what it does not know."""

from __future__ import annotations

import codecs
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from schemas.canonical_columns import COLUMNS
from schemas.errors import ConfigurationError
from sources.base import SourceSettings, TableMapping

ENVIRONMENT_PREFIX: Final = "B12SCREEN_"
DIRECT_SOURCE: Final = "extracts"
"""Name of the one source that `--extracts DIR` makes."""


def closest(word: str, known: Iterable[str]) -> str:
    """The ending of a message that names the nearest known word, empty where none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""


def unknown(kind: str, word: str, known: Iterable[str]) -> PydanticCustomError:
    known = list(known)
    return PydanticCustomError(
        "unknown_word",
        "there is no {kind} `{word}`{guess}",
        {"kind": kind, "word": word, "guess": closest(word, known) or f" (known: {', '.join(known)})"},
    )


def iana_zone(name: str) -> str:
    if name not in available_timezones():
        raise PydanticCustomError(
            "timezone",
            "`{name}` is not an IANA time zone such as Europe/London{guess}",
            {"name": name, "guess": closest(name, available_timezones())},
        )
    return name


class Section(BaseModel):
    """A table of the configuration file. Keys that it does not have are refused, not passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, given: object) -> object:
        if isinstance(given, dict):
            for key in given:
                if key not in cls.model_fields:
                    raise unknown("key", str(key), cls.model_fields)
        return given


class Screen(Section):
    """What is screened, for which day, and where the result goes."""

    as_of: date | None = None
    timezone: str = "UTC"
    pack: str = "b12/1.0.0"
    output: Path = Path("out")
    warehouse: Path | None = None

    @field_validator("timezone")
    @classmethod
    def _iana(cls, name: str) -> str:
        return iana_zone(name)


class Limits(Section):
    """When a night is not to be trusted, and which small numbers a report hides."""

    refused_share: float = Field(default=0.20, ge=0, le=1)
    refused_share_min_rows: int = Field(default=50, ge=1)
    volume_drop: float = Field(default=0.5, ge=0, le=1)
    suppress_below: int = Field(default=5, ge=0)
    unlisted_min_rows: int = Field(default=5, ge=5, description="a name in fewer rows may be somebody's")
    code_drop: float = Field(default=0.5, ge=0, le=1)
    code_drop_min_rows: int = Field(default=50, ge=1)


class Codelists(Section):
    """Which lists' unverified codes match at this site, and whether a night reports on codes that no list holds."""

    switched_on: tuple[str, ...] = ()
    report: bool = True


class Engine(Section):
    """How much of the machine a night may use. Nothing here changes a decision."""

    memory_limit: str = Field(default="700MB", pattern=r"^\d+(\.\d+)?\s*[KMGT]i?B$")
    threads: int = Field(default=0, ge=0, description="0: as many as the machine has")
    people_per_pass: int = Field(default=150_000, ge=1)
    max_line_bytes: int = Field(default=2_097_152, ge=1024)


class Schedule(Section):
    """When `serve` and the deployment run the night."""

    cron: str = "30 3 * * *"
    timezone: str | None = None

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str) -> str:
        if len(cron.split()) != 5:
            raise PydanticCustomError("cron", "a cron line has five fields: minute hour day month weekday")
        return cron

    @field_validator("timezone")
    @classmethod
    def _iana(cls, name: str | None) -> str | None:
        return None if name is None else iana_zone(name)


class Table(Section):
    """How a source writes one canonical table."""

    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    date_formats: tuple[str, ...] = ()


class Source(Section):
    """One extract folder and the words it uses. `date_formats` here are tried after those of the table."""

    path: Path
    mode: Literal["snapshot", "increment"] = "snapshot"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    decimal_comma: bool = False
    date_formats: tuple[str, ...] = ()
    tables: dict[str, Table] = {}
    test_codes: dict[str, str] = {}
    test_names: dict[str, str] = {}
    test_units: dict[str, str] = {}
    code_systems: dict[str, str] = {}

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding)
        except LookupError:
            pass
        else:
            return encoding
        raise PydanticCustomError("encoding", "`{name}` is not a text encoding", {"name": encoding})

    @field_validator("tables")
    @classmethod
    def _canonical_names(cls, tables: dict[str, Table]) -> dict[str, Table]:
        for name, table in tables.items():
            if name not in COLUMNS:
                raise unknown("table", name, COLUMNS)
            for column in (*table.columns, *table.constants):
                if column not in COLUMNS[name]:
                    raise unknown(f"column of `{name}` called", column, COLUMNS[name])
        return tables

    def read_as(self, name: str) -> SourceSettings:
        return SourceSettings(
            name=name,
            path=self.path,
            mode=self.mode,
            delimiter=self.delimiter,
            encoding=self.encoding,
            decimal_comma=self.decimal_comma,
            tables={name: self._mapping(name) for name in COLUMNS},
            test_codes=self.test_codes,
            test_names=self.test_names,
            test_units=self.test_units,
            code_systems=self.code_systems,
        )

    def _mapping(self, table: str) -> TableMapping:
        own = self.tables.get(table, Table())
        return TableMapping(own.columns, own.constants, (*own.date_formats, *self.date_formats))


class Settings(Section):
    """Everything a night may be told."""

    screen: Screen = Screen()
    limits: Limits = Limits()
    codelists: Codelists = Codelists()
    engine: Engine = Engine()
    schedule: Schedule = Schedule()
    sources: dict[str, Source] = {}

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.screen.timezone)

    @property
    def warehouse(self) -> Path:
        """The warehouse's file: its own setting, else in the output folder."""
        return self.screen.warehouse or self.screen.output / "warehouse.duckdb"

    def source_settings(self) -> list[SourceSettings]:
        return [source.read_as(name) for name, source in sorted(self.sources.items())]

    def deciding(self) -> dict[str, Any]:
        """The part of the configuration that can change a published byte. Paths and engine limits cannot."""
        return {
            "timezone": self.screen.timezone,
            "suppress_below": self.limits.suppress_below,
            "codelists": {
                "switched_on": sorted(self.codelists.switched_on),
                "report": self._code_report_limits() if self.codelists.report else None,
            },
            "sources": {
                name: source.model_dump(mode="json", exclude={"path"})
                for name, source in sorted(self.sources.items())
            },
        }

    def _code_report_limits(self) -> list[float]:
        return [self.limits.unlisted_min_rows, self.limits.code_drop, self.limits.code_drop_min_rows]

    def without_code_report(self) -> Settings:
        """These settings for a screen that is not published: codes are not counted."""
        return self.model_copy(update={"codelists": self.codelists.model_copy(update={"report": False})})

    def with_screen(self, **given: object) -> Settings:
        """These settings with the given values of `[screen]`; a value of None leaves the setting as it is."""
        wanted = {key: value for key, value in given.items() if value is not None}
        return self.model_copy(update={"screen": self.screen.model_copy(update=wanted)})

    def with_extracts(self, folder: Path) -> Settings:
        """These settings reading from `folder`: the path of the one configured source, else a plain snapshot.

        Raises ConfigurationError where several sources are configured: the folder could be any one's.
        """
        if len(self.sources) > 1:
            raise ConfigurationError(
                f"--extracts cannot stand for {len(self.sources)} configured sources.",
                "leave --extracts out, and set the `path` of each [sources.<name>].",
            )
        moved = {name: source.model_copy(update={"path": folder}) for name, source in self.sources.items()}
        return self.model_copy(update={"sources": moved or {DIRECT_SOURCE: Source(path=folder)}})


def load(config: Path | None, environment: Mapping[str, str]) -> Settings:
    """The settings of `config` (None: the defaults), overridden by B12SCREEN_<SECTION>_<KEY> variables.

    Relative paths in the file are relative to the file. Raises ConfigurationError naming file, section and
    key, with the nearest key that exists.
    """
    given = _read(config) if config else {}
    where = config.name if config else "the defaults"
    overrides, names = _overrides(environment)
    for section, values in overrides.items():
        given[section] = {**given.get(section, {}), **values}
    problem = None
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        problem = [_sentence(where, names, found["loc"], found["msg"]) for found in error.errors()]
    raise ConfigurationError("\n".join(problem), "config/example.toml shows every key with its meaning.")


def _read(config: Path) -> dict[str, Any]:
    try:
        text = config.read_text(encoding="utf-8")
        given = tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigurationError(f"There is no configuration file {config}.", "check --config.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{config} cannot be read: {type(error).__name__}.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{config} is not TOML: {error}.") from None
    _anchor(given.get("screen"), ("output", "warehouse"), config.parent)
    sources = given.get("sources")
    for source in sources.values() if isinstance(sources, dict) else ():
        _anchor(source, ("path",), config.parent)
    return given


def _anchor(section: object, keys: Iterable[str], folder: Path) -> None:
    if isinstance(section, dict):
        for key in keys:
            if isinstance(section.get(key), str):
                section[key] = str(folder / Path(section[key]).expanduser())


def _overrides(environment: Mapping[str, str]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Section -> key -> text of the variables that are set, and `section.key` -> the variable's name."""
    sections: dict[str, type[Section]] = {
        "screen": Screen,
        "limits": Limits,
        "engine": Engine,
        "schedule": Schedule,
    }
    known = {
        f"{ENVIRONMENT_PREFIX}{section}_{key}".upper(): (section, key)
        for section, model in sections.items()
        for key in model.model_fields
    }
    values: dict[str, dict[str, str]] = {}
    names = {}
    for variable in sorted(environment):
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        if variable not in known:
            raise ConfigurationError(
                f"The environment variable {variable} is not a setting{closest(variable, known)}",
                f"settings are {ENVIRONMENT_PREFIX}<SECTION>_<KEY>, for example {ENVIRONMENT_PREFIX}SCREEN_TIMEZONE.",
            )
        section, key = known[variable]
        values.setdefault(section, {})[key] = environment[variable]
        names[f"{section}.{key}"] = variable
    return values, names


def _sentence(where: str, names: Mapping[str, str], location: tuple[int | str, ...], message: str) -> str:
    path = ".".join(str(step) for step in location)
    if path in names:
        return f"{names[path]}: {message}."
    return f"{where}, [{path}]: {message}." if path else f"{where}: {message}."
