"""The site's configuration: defaults, overrides, and errors that name the nearest key."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from flows.settings import Settings, load
from schemas.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


def written(folder: Path, text: str) -> Path:
    file = folder / "site.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refused(folder: Path, text: str, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as error:
        load(written(folder, text), environment or {})
    assert error.value.exit_code == 2
    return str(error.value)


def test_defaults():
    settings = load(None, {})
    assert settings.screen.pack == "b12/1.0.0"
    assert settings.screen.timezone == "UTC"
    assert (settings.limits.refused_share, settings.limits.refused_share_min_rows) == (0.20, 50)
    assert (settings.limits.volume_drop, settings.limits.suppress_below) == (0.5, 5)
    assert settings.schedule.cron == "30 3 * * *"
    assert (settings.codelists.switched_on, settings.codelists.report) == ((), True)
    assert settings.screen.as_of is None
    assert settings.warehouse == Path("out/warehouse.duckdb")


def test_example_configuration_loads_and_shows_the_defaults():
    settings = load(ROOT / "config" / "example.toml", {})
    plain = load(None, {})
    assert settings.limits == plain.limits
    assert settings.codelists == plain.codelists
    assert settings.engine == plain.engine
    assert settings.schedule == plain.schedule
    source = settings.source_settings()[0]
    assert source.name == "hospital"
    assert source.delimiter == ";"
    assert source.tables["labs"].columns["value"] == "RESULT"
    # The table's own format comes before those of the source.
    assert source.tables["labs"].date_formats == ("%Y%m%d%H%M", "%d/%m/%Y", "%d/%m/%Y %H:%M")
    assert source.tables["patients"].date_formats == ("%d/%m/%Y", "%d/%m/%Y %H:%M")
    assert source.test_codes["B12S"] == "lab_b12_total"


@pytest.mark.parametrize(
    ("text", "place", "guess"),
    [
        ("[limits]\nrefused_shar = 0.1", "[limits]", "did you mean `refused_share`?"),
        ("[scren]\nas_of = 2026-01-01", "site.toml:", "did you mean `screen`?"),
        ("[sources.gp]\npath = '.'\ndelimeter = ';'", "[sources.gp]", "did you mean `delimiter`?"),
        (
            "[sources.gp]\npath = '.'\n[sources.gp.tables.lab]\ncolumns = {value = 'X'}",
            "[sources.gp.tables]",
            "did you mean `labs`?",
        ),
        (
            "[sources.gp]\npath = '.'\n[sources.gp.tables.labs]\ncolumns = {colected_at = 'X'}",
            "[sources.gp.tables]",
            "did you mean `collected_at`?",
        ),
        ("[screen]\ntimezone = 'Europe/Londn'", "[screen.timezone]", "did you mean `Europe/London`?"),
    ],
)
def test_an_unknown_word_is_named_with_the_nearest_known_one(tmp_path, text, place, guess):
    message = refused(tmp_path, text)
    assert place in message
    assert guess in message


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[limits]\nrefused_share = 1.5", "limits.refused_share"),
        ("[limits]\nrefused_share = 'much'", "limits.refused_share"),
        ("[limits]\nunlisted_min_rows = 4", "limits.unlisted_min_rows"),
        ("[codelists]\nswitched_on = 'cond_glossitis'", "codelists.switched_on"),
        ("[screen]\nas_of = '31/02/2024'", "screen.as_of"),
        ("[engine]\nmemory_limit = 'lots'", "engine.memory_limit"),
        ("[schedule]\ncron = '30 3 * *'", "schedule.cron"),
        ("[schedule]\ntimezone = 'Mars/Olympus'", "schedule.timezone"),
        ("[sources.gp]\nmode = 'snapshot'", "sources.gp.path"),
        ("[sources.gp]\npath = '.'\nmode = 'delta'", "sources.gp.mode"),
        ("[sources.gp]\npath = '.'\nencoding = 'utf-99'", "sources.gp.encoding"),
        ("[sources.gp]\npath = '.'\ndelimiter = ';;'", "sources.gp.delimiter"),
    ],
)
def test_a_wrong_value_names_its_key(tmp_path, text, key):
    assert f"[{key}]" in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[codelists]\nswitched_on = 'cond_glossitis'",
            '[codelists.switched_on]: a list of words is expected here, and text was given; write ["..."].',
        ),
        (
            "[codelists]\nswitched_on = [3]",
            '[codelists.switched_on.0]: text is expected here, and a number was given; write "...".',
        ),
        (
            "[codelists]\nreport = 'perhaps'",
            "[codelists.report]: true or false is expected here, and text was given; write true.",
        ),
        (
            "codelists = ['cond_glossitis']",
            "[codelists]: a table is expected here, and a list was given; write [...] above its keys.",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_says_what_belongs_there(tmp_path, text, says):
    assert f"site.toml, {says}" in refused(tmp_path, text)


def test_a_file_that_is_not_toml_says_where(tmp_path):
    assert "line 1" in refused(tmp_path, "[screen\npack = 1")


def test_a_missing_file_is_a_usage_error(tmp_path):
    with pytest.raises(ConfigurationError, match="no configuration file"):
        load(tmp_path / "none.toml", {})


def test_relative_paths_are_relative_to_the_file(tmp_path):
    file = written(tmp_path, "[screen]\noutput = 'o'\nwarehouse = '/w.duckdb'\n[sources.gp]\npath = 'in'")
    settings = load(file, {})
    assert settings.screen.output == tmp_path / "o"
    assert settings.screen.warehouse == Path("/w.duckdb")
    assert settings.sources["gp"].path == tmp_path / "in"


def test_environment_overrides_the_file(tmp_path):
    file = written(tmp_path, "[screen]\ntimezone = 'UTC'\n[limits]\nsuppress_below = 7")
    settings = load(
        file,
        {"B12SCREEN_SCREEN_TIMEZONE": "Europe/Oslo", "B12SCREEN_SCREEN_AS_OF": "2026-06-30", "HOME": "/"},
    )
    assert settings.screen.timezone == "Europe/Oslo"
    assert settings.screen.as_of == date(2026, 6, 30)
    assert settings.limits.suppress_below == 7


def test_an_unknown_variable_is_an_error(tmp_path):
    message = refused(tmp_path, "", {"B12SCREEN_SCREEN_TIMEZON": "UTC"})
    assert "did you mean `B12SCREEN_SCREEN_TIMEZONE`?" in message


def test_a_wrong_variable_is_named(tmp_path):
    assert refused(tmp_path, "", {"B12SCREEN_LIMITS_VOLUME_DROP": "half"}).startswith(
        "B12SCREEN_LIMITS_VOLUME_DROP"
    )


def test_extracts_alone_is_one_snapshot(tmp_path):
    source = load(None, {}).with_extracts(tmp_path).source_settings()[0]
    assert (source.name, source.path, source.mode) == ("extracts", tmp_path, "snapshot")


def test_extracts_moves_the_one_configured_source(tmp_path):
    file = written(tmp_path, "[sources.gp]\npath = 'in'\ndelimiter = ';'")
    source = load(file, {}).with_extracts(tmp_path / "new").source_settings()[0]
    assert (source.name, source.path, source.delimiter) == ("gp", tmp_path / "new", ";")


def test_extracts_cannot_stand_for_two_sources(tmp_path):
    file = written(tmp_path, "[sources.a]\npath = 'a'\n[sources.b]\npath = 'b'")
    with pytest.raises(ConfigurationError, match="2 configured sources"):
        load(file, {}).with_extracts(tmp_path)


def test_what_decides_does_not_depend_on_paths_or_engine(tmp_path):
    here = load(written(tmp_path, "[sources.gp]\npath = 'a'\n[engine]\nthreads = 1"), {})
    there = load(written(tmp_path, "[sources.gp]\npath = 'b'\n[engine]\nthreads = 2"), {})
    other = load(written(tmp_path, "[sources.gp]\npath = 'a'\ndecimal_comma = true"), {})
    assert here.deciding() == there.deciding()
    assert here.deciding() != other.deciding()


DATABASE = """
[sources.lis]
kind = "postgres"
mode = "increment"
[sources.lis.database]
dbname = "lis"
host = "db"
queries = "queries/lis"
password_file = "secret"
"""


def with_database(tmp_path, text=DATABASE):
    file = tmp_path / "site.toml"
    file.write_text(text)
    return load(file, {})


def test_the_paths_of_a_database_are_relative_to_the_file(tmp_path):
    (source,) = with_database(tmp_path).source_settings()
    assert source.database.queries == tmp_path / "queries" / "lis"
    assert source.database.password_file == tmp_path / "secret"


@pytest.mark.parametrize(
    ("text", "overlap"),
    [
        ("", timedelta(days=2)),
        ('overlap = "36 hours"', timedelta(hours=36)),
        ('overlap = "1 week"', timedelta(days=7)),
    ],
)
def test_an_overlap_is_a_number_and_a_unit(tmp_path, text, overlap):
    (source,) = with_database(tmp_path, DATABASE + text).source_settings()
    assert source.database.overlap == overlap


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DATABASE + 'overlap = "2 moons"', "[sources.lis.database.overlap]"),
        (DATABASE + 'passwort = "x"', "there is no key `passwort`; did you mean `password_env`?"),
        (DATABASE + 'password_env = "X"', "give `password_env` or `password_file`, not both"),
        (DATABASE + 'service = "lis"', "give `host`, or for PostgreSQL a `service`, and not both"),
        (DATABASE + 'watermark = { lab = "at" }', "there is no table `lab`; did you mean `labs`?"),
        (DATABASE.replace('dbname = "lis"', ""), "`database` needs `dbname`"),
        (
            DATABASE.replace('host = "db"', 'service = "lis"').replace("postgres", "mysql"),
            "only PostgreSQL knows",
        ),
        (
            DATABASE.replace("increment", "snapshot") + 'watermark = { labs = "at" }',
            'needs mode = "increment"',
        ),
        (
            '[sources.lis]\nkind = "postgres"',
            "[sources.lis.database]: a source of kind `postgres` needs `database`",
        ),
        (DATABASE.replace("mode", 'path = "."\nmode'), "a source of kind `postgres` has no `path`"),
        (DATABASE.replace('kind = "postgres"', 'path = "."'), "a source of kind `files` has no `database`"),
    ],
)
def test_a_database_that_cannot_be_meant_is_refused(tmp_path, text, said):
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        with_database(tmp_path, text)


def test_where_a_source_lies_decides_nothing(tmp_path):
    files = with_database(tmp_path, '[sources.lis]\npath = "."\nmode = "increment"')
    assert with_database(tmp_path).deciding() == files.deciding()


def test_extracts_take_the_place_of_a_database(tmp_path):
    (source,) = with_database(tmp_path).with_extracts(tmp_path).source_settings()
    assert (source.kind, source.path, source.database) == ("files", tmp_path, None)


def test_a_night_hands_on_its_database_as_it_is(tmp_path):
    settings = with_database(tmp_path)
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
