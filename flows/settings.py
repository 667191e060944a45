"""A site's configuration: typed, complete with defaults, and strict about what it does not know."""

from __future__ import annotations

import codecs
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from schemas.canonical_columns import COLUMNS
from schemas.errors import ConfigurationError
from schemas.vocabulary import REQUIRED_TABLES
from sources.base import (
    ClinicFrom,
    DatabaseSettings,
    ExportSettings,
    FhirSettings,
    Kind,
    OmopClinic,
    OmopSettings,
    PatientId,
    SourceSettings,
    SpreadsheetSettings,
    StorageSettings,
    TableMapping,
)
from sources.fhir_entry import is_address, is_private
from sources.fhir_shapes import LOOKED_UP, TABLE_OF

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


class Identity(Section):
    """Which identifiers of several sources mean one person, and whose record of a person is in force."""

    crosswalk: Path | None = None
    home: tuple[str, ...] = ()


class Table(Section):
    """How a source writes one canonical table."""

    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    date_formats: tuple[str, ...] = ()


WHEREABOUTS: Final = {"path", "url", "kind", "database", "fhir", "omop", "export", "storage", "spreadsheet"}
"""Where a source lies and how it is reached: the same rows give the same lists wherever they came from."""

DATABASES: Final = ("postgres", "sqlserver", "mysql", "oracle")
"""Kinds of source that are asked with queries."""


EXPORTED: Final = tuple(dict.fromkeys((*TABLE_OF, *LOOKED_UP)))
"""Types of FHIR resources that are read."""

SPAN: Final = r"^\d{1,5} (minute|hour|day|week)s?$"


def _span(text: str) -> timedelta:
    number, unit = text.split()
    return timedelta(**{f"{unit.removesuffix('s')}s": int(number)})


class Database(Section):
    """Where a database is and how it is entered. The name and the password of its user are never written here."""

    host: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    dbname: str | None = None
    service: str | None = None
    user_env: str | None = None
    password_env: str | None = None
    password_file: Path | None = None
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = "require"
    sslrootcert: Path | None = None
    statement_timeout: int = Field(default=1800, ge=1, description="seconds a query may run")
    queries: Path | None = None
    watermark: dict[str, str] = {}
    overlap: str = Field(default="2 days", pattern=SPAN)
    attempts: int = Field(default=4, ge=1, le=20)
    wait: float = Field(default=5.0, ge=0, le=600, description="seconds, doubled before each further attempt")

    @field_validator("watermark")
    @classmethod
    def _canonical_tables(cls, watermark: dict[str, str]) -> dict[str, str]:
        for table in watermark:
            if table not in COLUMNS:
                raise unknown("table", table, COLUMNS)
        return watermark

    @model_validator(mode="after")
    def _one_way_in(self) -> Database:
        if self.password_env and self.password_file:
            raise PydanticCustomError("password", "give `password_env` or `password_file`, not both")
        if bool(self.host) == bool(self.service):
            raise PydanticCustomError("host", "give `host`, or for PostgreSQL a `service`, and not both")
        return self

    def read_as(self) -> DatabaseSettings:
        told = self.model_dump(exclude={"overlap", "queries"})
        return DatabaseSettings(**told, queries=self.queries or Path(), overlap=_span(self.overlap))


class Fhir(Section):
    """What a site chooses where FHIR leaves it open. All of it shows in the rows that are landed."""

    patient_identifier_system: str | None = Field(default=None, min_length=1)
    clinic_from: ClinicFrom = "generalPractitioner"
    opt_out: str | None = Field(default=None, min_length=1)
    length_extension: str | None = Field(default=None, min_length=1)


class Export(Section):
    """The FHIR server that fills the folder of a source. Neither a key nor a token is ever written here."""

    url: str
    level: str = Field(default="system", pattern=r"^(system|Patient|Group/[A-Za-z0-9.-]{1,64})$")
    types: tuple[str, ...] = ()
    client_id: str | None = Field(default=None, min_length=1)
    private_key_file: Path | None = None
    key_id: str | None = Field(default=None, min_length=1)
    token_url: str | None = None
    scope: str | None = Field(default=None, min_length=1)
    token_env: str | None = Field(default=None, min_length=1)
    ca_file: Path | None = None
    timeout: float = Field(default=300.0, gt=0, le=3600, description="seconds without a byte")
    attempts: int = Field(default=6, ge=1, le=20)
    wait: float = Field(default=5.0, ge=0, le=600, description="seconds, doubled before each further attempt")
    time_limit: str = Field(default="12 hours", pattern=SPAN)
    resume_within: str = Field(default="24 hours", pattern=SPAN)
    overlap: str = Field(default="1 day", pattern=SPAN)
    accept_errors: bool = False

    @field_validator("types")
    @classmethod
    def _read_types(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        for kind in types:
            if kind not in EXPORTED:
                raise unknown("type of resource that is read called", kind, EXPORTED)
        return types

    @model_validator(mode="after")
    def _one_way_in(self) -> Export:
        if bool(self.client_id) != bool(self.private_key_file):
            raise PydanticCustomError("client", "`client_id` and `private_key_file` belong together")
        if self.client_id and self.token_env:
            raise PydanticCustomError("client", "give `client_id` or `token_env`, not both")
        has_login = bool(self.client_id or self.token_env)
        for name, url in (("url", self.url), ("token_url", self.token_url)):
            if url is None:
                continue
            if not is_address(url):
                raise PydanticCustomError(
                    "url",
                    "`{name}` is not a web address without user, password, `?` and `#`, such as https://fhir.example.org/r4",
                    {"name": name},
                )
            if has_login and not is_private(url):
                raise PydanticCustomError(
                    "url",
                    "`{name}` must begin with https: a token may not be sent in the open",
                    {"name": name},
                )
        return self

    def read_as(self) -> ExportSettings:
        spans: dict[str, Any] = {
            name: _span(getattr(self, name)) for name in ("time_limit", "resume_within", "overlap")
        }
        return ExportSettings(**self.model_dump(exclude=set(spans)), **spans)


OMOP_CODED: Final = (
    "measurement",
    "drug_exposure",
    "condition_occurrence",
    "procedure_occurrence",
    "observation",
)
"""Tables of OMOP whose rows have a code of their source."""


class Omop(Section):
    """What a site chooses where OMOP leaves it open. All of it shows in the rows that are landed."""

    patient_id: PatientId = "person_id"
    clinic: OmopClinic = "care_site_source_value"
    has_registration: bool = False
    has_condition_ends: bool = False
    source_systems: dict[str, str] = {}
    cdm_schema: str | None = Field(default=None, min_length=1)
    vocabulary_schema: str | None = Field(default=None, min_length=1)

    @field_validator("source_systems")
    @classmethod
    def _coded_tables(cls, systems: dict[str, str]) -> dict[str, str]:
        for table in systems:
            if table not in OMOP_CODED:
                raise unknown("table with codes called", table, OMOP_CODED)
        return systems


class Storage(Section):
    """How object storage is entered. Neither a key nor a token is ever written here, only names of variables."""

    endpoint: str | None = None
    region: str | None = Field(default=None, min_length=1)
    account: str | None = Field(default=None, min_length=1)
    access_key_env: str | None = Field(default=None, min_length=1)
    secret_key_env: str | None = Field(default=None, min_length=1)
    session_token_env: str | None = Field(default=None, min_length=1)
    account_key_env: str | None = Field(default=None, min_length=1)
    sas_token_env: str | None = Field(default=None, min_length=1)
    connection_string_env: str | None = Field(default=None, min_length=1)
    is_public: bool = False
    allow_http: bool = False
    ca_file: Path | None = None
    timeout: float = Field(default=60.0, gt=0, le=3600, description="seconds without a byte")
    attempts: int = Field(default=6, ge=1, le=20)
    wait: float = Field(default=1.0, ge=0, le=600, description="seconds, doubled before each further attempt")

    @field_validator("endpoint")
    @classmethod
    def _plain_address(cls, endpoint: str | None) -> str | None:
        if endpoint is not None and not is_address(endpoint):
            raise PydanticCustomError(
                "endpoint",
                "this is not a web address without user, password, `?` and `#`, such as https://minio.example.org",
            )
        return endpoint

    @model_validator(mode="after")
    def _one_way_in(self) -> Storage:
        if bool(self.access_key_env) != bool(self.secret_key_env):
            raise PydanticCustomError("keys", "`access_key_env` and `secret_key_env` belong together")
        if self.endpoint and not is_private(self.endpoint) and not self.allow_http:
            raise PydanticCustomError(
                "endpoint",
                "`endpoint` must begin with https, or patients' results travel in the open; where the network between"
                " here and there is trusted, say so with allow_http = true",
            )
        return self

    def read_as(self, url: str) -> StorageSettings:
        return StorageSettings(url=url, **self.model_dump(exclude={"allow_http"}))


class Spreadsheet(Section):
    """Where the tables stand in workbooks."""

    workbook: str | None = Field(default=None, pattern=r"^[^/\\]+\.[xX][lL][sS][xX]$")
    header_row: int | None = Field(
        default=None, ge=1, le=1_048_576, description="as the program counts, from 1"
    )


class Source(Section):
    """One extract folder and the words it uses. `date_formats` here are tried after those of the table."""

    kind: Kind = "files"
    url: str | None = None
    path: Path | None = Field(default=None, validate_default=True)
    database: Database | None = Field(default=None, validate_default=True)
    fhir: Fhir | None = None
    omop: Omop | None = None
    export: Export | None = None
    storage: Storage | None = None
    spreadsheet: Spreadsheet | None = None
    mode: Literal["snapshot", "increment"] = "snapshot"
    delivers: tuple[str, ...] = REQUIRED_TABLES
    identifiers: str = ""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    decimal_comma: bool = False
    date_formats: tuple[str, ...] = ()
    tables: dict[str, Table] = {}
    codes: dict[str, str] = {}
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

    @field_validator("delivers")
    @classmethod
    def _known_tables(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in COLUMNS:
                raise unknown("table", name, COLUMNS)
        return names

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

    @field_validator("path", "database")
    @classmethod
    def _lies_somewhere(cls, place: object, info: ValidationInfo) -> object:
        """A database is asked, everything else lies in a folder."""
        kind, name = info.data.get("kind", "files"), info.field_name
        if name == "path" and info.data.get("url"):
            if place is not None:
                raise PydanticCustomError("place", "give `path` or `url`, not both")
            return place
        if kind == "omop":
            if name == "database" and (place is None) == (info.data.get("path") is None):
                raise PydanticCustomError(
                    "place", "a source of kind `omop` needs either `path` or `database`, and not both"
                )
            return place
        is_wanted = (kind in DATABASES) == (name == "database")
        if is_wanted == (place is not None):
            return place
        words = (
            "a source of kind `{kind}` needs `{name}`"
            if is_wanted
            else "a source of kind `{kind}` has no `{name}`"
        )
        raise PydanticCustomError("place", words, {"kind": kind, "name": name})

    @model_validator(mode="after")
    def _check_files(self) -> Source:
        for name in ("url", "storage", "spreadsheet"):
            if getattr(self, name) and self.kind != "files":
                words = "only a source of files has `{name}`"
                raise PydanticCustomError(name, words, {"name": name})
        if self.storage and not self.url:
            raise PydanticCustomError("storage", "the section `storage` is of a source with a `url`")
        # Start-up time is part of the interface: few sites have their extract on object storage.
        from sources.storage import is_place  # noqa: PLC0415

        if self.url and not is_place(self.url):
            raise PydanticCustomError(
                "url",
                "`url` is s3://bucket/prefix, az://container/prefix or"
                " https://<account>.blob.core.windows.net/container/prefix, without `?`, `#` and credentials",
            )
        return self

    @model_validator(mode="after")
    def _check_omop(self) -> Source:
        if self.omop and self.kind != "omop":
            raise PydanticCustomError("omop", 'the section `omop` is of a source with kind = "omop"')
        return self

    @model_validator(mode="after")
    def _check_fhir(self) -> Source:
        if self.fhir and self.kind != "fhir":
            raise PydanticCustomError("fhir", 'the section `fhir` is of a source with kind = "fhir"')
        if self.export and self.kind != "fhir":
            raise PydanticCustomError("export", 'the section `export` is of a source with kind = "fhir"')
        return self

    @model_validator(mode="after")
    def _check_database(self) -> Source:
        database = self.database
        if database is None:
            return self
        if (database.queries is None) != (self.kind == "omop"):
            raise PydanticCustomError(
                "queries",
                "`database` of a source of kind `omop` has no `queries`: they are its own"
                if self.kind == "omop"
                else "`database` needs `queries`, the folder of the site's own",
            )
        if database.watermark and self.kind == "omop":
            raise PydanticCustomError("watermark", "an OMOP store is read whole, without a `watermark`")
        if database.service and self.kind not in ("postgres", "omop"):
            raise PydanticCustomError(
                "service", "only PostgreSQL knows a `service`; give `host` and `dbname`"
            )
        if not database.service and not database.dbname:
            raise PydanticCustomError("dbname", "`database` needs `dbname`")
        if database.watermark and self.mode == "snapshot":
            raise PydanticCustomError("watermark", 'a `watermark` needs mode = "increment"')
        return self

    def read_as(self, name: str, home_rank: int = 0) -> SourceSettings:
        return SourceSettings(
            name=name,
            path=self.path or Path(),
            kind=self.kind,
            database=self.database.read_as() if self.database else None,
            fhir=FhirSettings(**self.fhir.model_dump()) if self.fhir else FhirSettings(),
            omop=OmopSettings(**self.omop.model_dump()) if self.omop else OmopSettings(),
            export=self.export.read_as() if self.export else None,
            storage=(self.storage or Storage()).read_as(self.url) if self.url else None,
            spreadsheet=SpreadsheetSettings(**self.spreadsheet.model_dump())
            if self.spreadsheet
            else SpreadsheetSettings(),
            mode=self.mode,
            delivers=self.delivers,
            identifiers=self.identifiers,
            home_rank=home_rank,
            delimiter=self.delimiter,
            encoding=self.encoding,
            decimal_comma=self.decimal_comma,
            tables={name: self._mapping(name) for name in COLUMNS},
            codes=self.codes,
            test_codes=self.test_codes,
            test_names=self.test_names,
            test_units=self.test_units,
            code_systems=self.code_systems,
        )

    def in_folder(self, folder: Path) -> Source:
        """This source lying in `folder`; one that is asked for rows is then read as files."""
        is_asked = self.database is not None and self.kind != "omop"
        of_files = {"database": None} | ({"kind": "files"} if is_asked else {})
        return self.model_copy(
            update={"path": folder, "url": None, "storage": None, "export": None, **of_files}
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
    identity: Identity = Identity()
    sources: dict[str, Source] = {}

    @model_validator(mode="after")
    def _homes_are_sources(self) -> Settings:
        for name in self.identity.home:
            if name not in self.sources:
                raise unknown("source", name, self.sources)
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.screen.timezone)

    @property
    def warehouse(self) -> Path:
        """The warehouse's file: its own setting, else in the output folder."""
        return self.screen.warehouse or self.screen.output / "warehouse.duckdb"

    def source_settings(self) -> list[SourceSettings]:
        ranks = {name: rank for rank, name in enumerate(self.identity.home)}
        return [
            source.read_as(name, ranks.get(name, len(ranks))) for name, source in sorted(self.sources.items())
        ]

    def deciding(self) -> dict[str, Any]:
        """The part of the configuration that can change a published byte. Paths and engine limits cannot."""
        return {
            "timezone": self.screen.timezone,
            "suppress_below": self.limits.suppress_below,
            "codelists": {
                "switched_on": sorted(self.codelists.switched_on),
                "report": self._code_report_limits() if self.codelists.report else None,
            },
            "home": list(self.identity.home),
            "sources": {
                name: source.model_dump(mode="json", exclude=WHEREABOUTS)
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
        moved = {name: source.in_folder(folder) for name, source in self.sources.items()}
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
        problem = [_sentence(where, names, found["loc"], _in_words(found)) for found in error.errors()]
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
    _anchor(given.get("identity"), ("crosswalk",), config.parent)
    sources = given.get("sources")
    for source in sources.values() if isinstance(sources, dict) else ():
        _anchor(source, ("path",), config.parent)
        if isinstance(source, dict):
            _anchor(source.get("database"), ("queries", "password_file", "sslrootcert"), config.parent)
            _anchor(source.get("export"), ("private_key_file", "ca_file"), config.parent)
            _anchor(source.get("storage"), ("ca_file",), config.parent)
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


_EXPECTED: Final = {
    "tuple_type": ("a list of words", '["..."]'),
    "dict_type": ("a table", '{ "..." = "..." }'),
    "model_type": ("a table", "[...] above its keys"),
    "string_type": ("text", '"..."'),
    "bool_type": ("true or false", "true"),
    "bool_parsing": ("true or false", "true"),
    "int_type": ("a whole number", "20"),
    "int_parsing": ("a whole number", "20"),
    "float_type": ("a number", "0.5"),
    "float_parsing": ("a number", "0.5"),
}
"""Kind of error -> what belongs there, and how it is written."""

_GIVEN: Final = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list"}


def _in_words(found: ErrorDetails) -> str:
    """What is wrong, for people who write TOML and not Python."""
    if found["type"] not in _EXPECTED:
        return found["msg"]
    expected, written = _EXPECTED[found["type"]]
    given = _GIVEN.get(type(found["input"]), "something else")
    return f"{expected} is expected here, and {given} was given; write {written}"


def _sentence(where: str, names: Mapping[str, str], location: tuple[int | str, ...], message: str) -> str:
    path = ".".join(str(step) for step in location)
    if path in names:
        return f"{names[path]}: {message}."
    return f"{where}, [{path}]: {message}." if path else f"{where}: {message}."
