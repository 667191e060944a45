"""What a source promises: parts, each one readable file of one canonical table with its columns bound by name.

Files are parts as they lie. Every other kind (a database, a FHIR export, an OMOP store, a workbook) is *landed*
first: written as Parquet in canonical raw form, every value as text, into the night's work folder. From there on a
night cannot tell where a row came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from schemas.vocabulary import REQUIRED_TABLES
from sql.engine import Engine, Matching


def as_path(name: str) -> str:
    """A short stand-in for a name in a path: names of sources and parts come from outside and may not shape one."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class TableMapping:
    """How one table of a source is written: site column names, constants and date formats.

    columns: canonical column -> the site's column name. constants: canonical column -> the value of every row.
    date_formats: strptime formats tried after ISO, for every date column of the table.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    date_formats: tuple[str, ...] = ()


Kind = Literal["files", "postgres", "sqlserver", "mysql", "oracle", "fhir", "omop"]
"""How a source is read; `sources.gather` has one module for each."""


@dataclass(frozen=True)
class DatabaseSettings:
    """Where a database is, how it is entered, and the folder of `<table>.sql`, the site's own queries.

    dbname: on Oracle the service name. service: a section of libpq's service file in the place of host, port and
    dbname. user_env, password_env: names of environment variables; password_file: a file with nothing but the
    password. statement_timeout: seconds a query may run. watermark: table -> the column of its query that says when
    a row was last changed. overlap: how far before the highest one read the next night begins. attempts: how often
    the source is read from its beginning where a connection breaks off; wait: seconds before the second, doubled
    before each further one.
    """

    queries: Path
    host: str | None = None
    port: int | None = None
    dbname: str | None = None
    service: str | None = None
    user_env: str | None = None
    password_env: str | None = None
    password_file: Path | None = None
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = "require"
    sslrootcert: Path | None = None
    statement_timeout: int = 1800
    watermark: Mapping[str, str] = field(default_factory=dict)
    overlap: timedelta = timedelta(days=2)
    attempts: int = 4
    wait: float = 5.0


ClinicFrom = Literal["generalPractitioner", "managingOrganization", "encounter"]


@dataclass(frozen=True)
class FhirSettings:
    """What a site chooses where FHIR leaves it open.

    patient_identifier_system: the system of the identifier that names a person (none: the resource id).
    clinic_from: where the clinic of a person is looked for first. opt_out: the URL of an extension of Patient, or
    the code of a tag or security label, that says who opted out. length_extension: the URL of an extension of
    Procedure with the length of bowel removed, a quantity in cm.
    """

    patient_identifier_system: str | None = None
    clinic_from: ClinicFrom = "generalPractitioner"
    opt_out: str | None = None
    length_extension: str | None = None


@dataclass(frozen=True)
class ExportSettings:
    """The FHIR server that is asked to export, and how it is entered.

    url: the base of the server. level: `system`, `Patient` or `Group/<id>`. types: of resources (none: all that are
    read). A client that signs has client_id, private_key_file (PEM, JWK or JWK set), key_id and scope where the
    server wants them, and token_url where the server does not tell it. token_env: the environment variable with a
    token, for a server behind a gateway. ca_file: certificates that are trusted. timeout: seconds without a byte.
    attempts: how often a request is made where it fails without getting further; wait: seconds before the second,
    doubled before each further one. time_limit: how long a server is waited for. resume_within: how old an
    unfinished export may be that a night goes on with. overlap: how far before the last export an increment begins.
    accept_errors: whether an export counts that the server itself says is not whole.
    """

    url: str
    level: str = "system"
    types: tuple[str, ...] = ()
    client_id: str | None = None
    private_key_file: Path | None = None
    key_id: str | None = None
    token_url: str | None = None
    scope: str | None = None
    token_env: str | None = None
    ca_file: Path | None = None
    timeout: float = 300.0
    attempts: int = 6
    wait: float = 5.0
    time_limit: timedelta = timedelta(hours=12)
    resume_within: timedelta = timedelta(hours=24)
    overlap: timedelta = timedelta(days=1)
    accept_errors: bool = False

    @property
    def has_login(self) -> bool:
        return bool(self.client_id or self.token_env)


PatientId = Literal["person_id", "person_source_value"]
OmopClinic = Literal["care_site_source_value", "care_site_name", "care_site_id", "location_source_value"]


@dataclass(frozen=True)
class OmopSettings:
    """What a site chooses where OMOP leaves it open.

    patient_id: the column of person that names a person. clinic: what names the clinic; where it is empty, the
    care_site_id does. has_registration: whether observation_period says when a person was registered.
    has_condition_ends: whether condition_end_date says that a condition is over. source_systems: table of the model ->
    code system of its source values. cdm_schema, vocabulary_schema: where the tables are, in a database.
    """

    patient_id: PatientId = "person_id"
    clinic: OmopClinic = "care_site_source_value"
    has_registration: bool = False
    has_condition_ends: bool = False
    source_systems: Mapping[str, str] = field(default_factory=dict)
    cdm_schema: str | None = None
    vocabulary_schema: str | None = None


@dataclass(frozen=True)
class StorageSettings:
    """Where an extract lies on object storage, and how it is entered.

    url: s3://bucket/prefix, az://container/prefix or a blob URL of Azure. endpoint: of a storage that is not the
    provider's own. account: of Azure. Everything that ends in _env is the name of an environment variable; with none,
    the identity of the machine is used, and with is_public no identity. ca_file: certificates that are trusted.
    timeout: seconds without a byte. attempts: how often a request is made; wait: seconds before the second, doubled
    before each further one.
    """

    url: str
    endpoint: str | None = None
    region: str | None = None
    account: str | None = None
    access_key_env: str | None = None
    secret_key_env: str | None = None
    session_token_env: str | None = None
    account_key_env: str | None = None
    sas_token_env: str | None = None
    connection_string_env: str | None = None
    is_public: bool = False
    ca_file: Path | None = None
    timeout: float = 60.0
    attempts: int = 6
    wait: float = 1.0


@dataclass(frozen=True)
class SpreadsheetSettings:
    """Where the tables stand in workbooks.

    workbook: the one file whose sheets are the tables (none: a file `<table>.xlsx` is a table). header_row: the row of
    the column names, counted from 1 as the program shows it (none: the first row with anything in it).
    """

    workbook: str | None = None
    header_row: int | None = None


@dataclass(frozen=True)
class SourceSettings:
    """One configured source: where its extract lies and how its own words map to ours.

    codes: a local code of a condition, procedure or medication -> the codelist it belongs to, as an exact code.
    test_codes, test_names: a local test code or name -> laboratory concept (a codelist name such as
    `lab_b12_total`). test_units: a local test code, test name or concept -> the unit its results are in where
    the row has none; the only way a missing unit is ever filled. code_systems: the site's spelling -> ours.
    delivers: tables without which a snapshot of this source is not whole. identifiers: a name for identifiers that
    several sources share (empty: its own). home_rank: the lower, the sooner its record of a person is in force.
    """

    name: str
    path: Path
    kind: Kind = "files"
    mode: Literal["snapshot", "increment"] = "snapshot"
    delivers: tuple[str, ...] = REQUIRED_TABLES
    identifiers: str = ""
    home_rank: int = 0
    delimiter: str = ","
    encoding: str = "utf-8"
    decimal_comma: bool = False
    tables: Mapping[str, TableMapping] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    test_codes: Mapping[str, str] = field(default_factory=dict)
    test_names: Mapping[str, str] = field(default_factory=dict)
    test_units: Mapping[str, str] = field(default_factory=dict)
    code_systems: Mapping[str, str] = field(default_factory=dict)
    database: DatabaseSettings | None = None
    fhir: FhirSettings = field(default_factory=FhirSettings)
    omop: OmopSettings = field(default_factory=OmopSettings)
    export: ExportSettings | None = None
    storage: StorageSettings | None = None
    spreadsheet: SpreadsheetSettings = field(default_factory=SpreadsheetSettings)


@dataclass(frozen=True)
class Asked:
    """What a night asks of its sources.

    work: the folder that landed copies go to. watermarks: (source, table) -> the highest watermark that a
    committed night has read, as text. sample: at most so many rows of a table, for a look without a run. matching:
    the codes a rule can use, for a source that says one thing in several codes.
    """

    work: Path
    as_of: date
    engine: Engine = field(default_factory=Engine)
    watermarks: Mapping[tuple[str, str], str] = field(default_factory=dict)
    sample: int | None = None
    matching: Matching | None = None


@dataclass(frozen=True)
class Part:
    """One readable file of one canonical table, checked to its last byte and counted without a parser.

    name: the path relative to the source folder, for messages and the manifest. read_path: what DuckDB opens
    (a decoded copy where the original is not UTF-8). header: every column in file order. columns: canonical
    column -> column in the file. rows: physical lines less the header (CSV) or the footer's count (Parquet), and
    with them the malformed lines. sha256, size: of the bytes as delivered; of a query, of its result as landed.
    malformed_lines: lines of the delivered file that a landing could not read; each is quarantined by its number.
    watermark: the highest value of the query's watermark column (text), where an increment has one.
    """

    source: str
    table: str
    name: str
    read_path: Path
    format: Literal["csv", "parquet"]
    compression: Literal["none", "gzip", "zstd"]
    delimiter: str
    header: tuple[str, ...]
    columns: Mapping[str, str]
    rows: int
    sha256: str
    size: int
    malformed_lines: tuple[int, ...] = ()
    watermark: str | None = None
