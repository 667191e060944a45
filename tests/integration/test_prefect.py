"""The night under its scheduler: a real server, a real schedule, and nothing of a patient in either.

One server for the whole file; the group keeps the tests in one worker.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows import orchestration
from flows.serve import DEPLOYMENT, _server
from schemas.errors import InputRefused
from tests.night import write_extract

ROOT = Path(__file__).parents[2]
AS_OF = "2026-06-30"
SENTINEL = "SENTINEL-4711"

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("prefect")]

PEOPLE = [
    {"patient_id": "p1", "birth_date": "1980-01-01", "sex": "female", "clinic_id": "north"},
    {"patient_id": SENTINEL, "birth_date": "31/02/1980", "sex": SENTINEL, "clinic_id": "north"},
]
RESULT = {
    "value": "165",
    "unit": "ng/L",
    "collected_at": "2026-06-01",
    "code_system": "LOINC",
    "code": "2132-9",
}
TABLES = {
    "patients": PEOPLE,
    "labs": [
        {"patient_id": "p1", "result_id": "r1"} | RESULT,
        {"patient_id": "p1", "result_id": "r2"} | RESULT | {"value": f"9{SENTINEL}"},
        {"patient_id": SENTINEL, "result_id": SENTINEL} | RESULT | {"unit": SENTINEL},
    ],
    "medications": [{"patient_id": "p1", "drug_name": SENTINEL, "start_on": "2026-01-01"}],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a server that runs for this file, and that this process is told to use."""
    folder = tmp_path_factory.mktemp("prefect") / "home"
    before = dict(os.environ)
    orchestration.settle(folder)
    with _server(folder):
        yield folder
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, str]:
    extracts = write_extract(TABLES, tmp_path / "in")
    return {"extracts": str(extracts), "output": str(tmp_path / "out"), "as_of": AS_OF}


def api(path: str, body: dict[str, Any]) -> str:
    """The server's answer as text."""
    import base64

    secret = base64.b64encode(os.environ["PREFECT_API_AUTH_STRING"].encode()).decode()
    request = urllib.request.Request(
        os.environ["PREFECT_API_URL"] + path,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Basic {secret}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())


def all_that_is_stored(home: Path) -> str:
    """Everything the server would tell about flows, tasks, logs and events, and the bytes of its database."""
    time.sleep(2)  # logs and events are sent in batches
    told = [api(f"/{kind}/filter", {}) for kind in ("flow_runs", "task_runs", "logs", "events", "artifacts")]
    files = [path.read_bytes().decode("latin-1") for path in home.rglob("*") if path.is_file()]
    return "\n".join(told + files)


def test_the_server_lets_nobody_in_without_the_secret(home):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(
            urllib.request.Request(
                os.environ["PREFECT_API_URL"] + "/flow_runs/filter",
                data=b"{}",
                headers={"Content-Type": "application/json"},
            )
        )
    assert refused.value.code == 401


def test_the_flow_publishes_once_and_leaves_no_patient_with_the_scheduler(home, asked, tmp_path):
    from flows.nightly import nightly

    first = nightly(**asked)
    again = nightly(**asked)
    assert first["is_new"]
    assert not again["is_new"]
    assert first["run_id"] == again["run_id"]
    assert (tmp_path / "out" / "latest").readlink().name == first["run_id"]
    quarantined = (tmp_path / "out" / "latest" / "quarantine" / "labs.csv").read_text(encoding="utf-8-sig")
    assert SENTINEL in quarantined
    stored = all_that_is_stored(home)
    assert "nightly-screen" in stored
    assert SENTINEL not in stored


def test_a_failing_night_tells_the_scheduler_the_kind_and_no_more(home, asked, monkeypatch):
    from flows.nightly import nightly
    from flows.watch import StageFailed

    def fail(*_: object) -> None:
        try:
            raise KeyError(SENTINEL)
        except KeyError as inner:
            raise ValueError(f"could not convert {SENTINEL}") from inner

    monkeypatch.setattr("flows.stages.decide_range", fail)
    with pytest.raises(StageFailed):
        nightly(**asked)
    stored = all_that_is_stored(home)
    assert "Stage decide failed: ValueError" in stored
    assert SENTINEL not in stored


def test_refused_inputs_fail_the_flow(home, asked, tmp_path):
    from flows.nightly import nightly

    (tmp_path / "in" / "labs.csv").unlink()
    with pytest.raises(InputRefused):
        nightly(**asked)
    assert not list((tmp_path / "out").glob("2*"))


def scheduled(deployment: str) -> list[dict[str, Any]]:
    body = {
        "deployments": {"name": {"any_": [deployment]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    found: list[dict[str, Any]] = json.loads(api("/flow_runs/filter", body))
    return found


def wait_for_runs(deployment: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := scheduled(deployment):
            return found
        time.sleep(0.5)
    return []


def test_the_deployment_file_makes_scheduled_runs(home, tmp_path):
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    shutil.copy(ROOT / "prefect.yaml", checkout)
    shutil.copytree(ROOT / "flows", checkout / "flows")
    told = os.environ | {"B12_HOME": str(checkout), "B12_CONFIG": str(checkout / "site.toml")}
    for command in (
        ("work-pool", "create", "local", "--type", "process"),
        ("--no-prompt", "deploy", "--all"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *command],
            cwd=checkout,
            env=told | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    runs = wait_for_runs("nightly")
    assert len(runs) >= 3
    # 03:30 in London: 02:30 UTC in summer time, 03:30 in winter.
    assert {run["expected_start_time"][11:16] for run in runs} <= {"02:30", "03:30"}
    assert {run["parameters"]["config"] for run in runs} == {str(checkout / "site.toml")}
    (deployment,) = json.loads(api("/deployments/filter", {"deployments": {"name": {"any_": ["nightly"]}}}))
    assert deployment["global_concurrency_limit"]["limit"] == 1
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"


def test_serve_schedules_every_night_and_ends_when_told(tmp_path):
    """`b12screen serve` with a server of its own: the schedule is there, and a TERM leaves nothing behind."""
    output = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "flows.cli",
        "serve",
        "--extracts",
        str(tmp_path),
        "--output",
        str(output),
    ]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with subprocess.Popen(command, cwd=ROOT, env=clean, stderr=subprocess.PIPE, text=True) as serving:
        assert serving.stderr
        lines = iter(serving.stderr.readline, "")
        said = next(line for line in lines if "The night runs at" in line)
        assert "`30 3 * * *` (UTC)" in said
        children = Path(f"/proc/{serving.pid}/task/{serving.pid}/children").read_text().split()
        time.sleep(5)
        serving.terminate()
        assert serving.wait(60) in (0, 143)
    assert children
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert DEPLOYMENT == "nightly"
