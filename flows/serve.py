"""`b12screen serve`: the nightly schedule on one host, with a server of its own where the site has none."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from flows import orchestration
from flows.context import Night, beside, locked
from schemas.errors import OutputError

DEPLOYMENT: Final = "nightly"
SERVER_READY_SECONDS: Final = 180
SERVER_STOP_SECONDS: Final = 10


def serve_nightly(night: Night, asked: Mapping[str, Any], cron: str | None = None) -> None:
    """Serves the nightly flow until the process is stopped. `asked` are the flow's parameters.

    A start while a night runs is dropped, not queued: the next one reads the newer extracts anyway.
    """
    home = beside(night.warehouse, "prefect")
    orchestration.settle(home)
    with locked(home / "serve.lock", f"the schedule of {night.warehouse}"), _server(home):
        from prefect.client.schemas.objects import (  # noqa: PLC0415
            ConcurrencyLimitConfig,
            ConcurrencyLimitStrategy,
        )
        from prefect.schedules import Cron  # noqa: PLC0415

        from flows.nightly import nightly  # noqa: PLC0415

        schedule = night.settings.schedule
        zone = schedule.timezone or night.settings.screen.timezone
        sys.stderr.write(f"The night runs at `{cron or schedule.cron}` ({zone}) until this is stopped.\n")
        nightly.serve(
            name=DEPLOYMENT,
            schedule=Cron(cron or schedule.cron, timezone=zone),
            parameters={name: _absolute(value) for name, value in asked.items() if value is not None},
            limit=1,
            global_limit=ConcurrencyLimitConfig(
                limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
            ),
            print_starting_message=False,
        )


def _absolute(value: object) -> object:
    # Each night is a process of its own, in a folder of the scheduler's choosing.
    return os.fspath(value.absolute()) if isinstance(value, Path) else value


@contextmanager
def _server(home: Path) -> Iterator[None]:
    """The site's own server if PREFECT_API_URL names one, else one on this host for as long as the block lasts.

    Prefect's temporary server makes no scheduled runs. Ours listens on the loopback interface only, and only to
    who knows a secret that lives as long as it does.
    """
    if os.environ.get("PREFECT_API_URL"):
        yield
        return
    sys.stderr.write("Starting a scheduler on this host (about 20 s) ...\n")
    port, secret = _free_port(), f"b12screen:{secrets.token_hex(16)}"
    os.environ["PREFECT_SERVER_API_AUTH_STRING"] = os.environ["PREFECT_API_AUTH_STRING"] = secret
    os.environ.setdefault("PREFECT_SERVER_UI_ENABLED", "false")
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_until_ready(server, f"http://127.0.0.1:{port}/api/health", home / "server.log")
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        yield
    finally:
        server.terminate()
        try:
            server.wait(SERVER_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_until_ready(server: subprocess.Popen[bytes], health: str, log: Path) -> None:
    deadline = time.monotonic() + SERVER_READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(health, timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    raise OutputError(
        "The scheduler did not start.",
        f"{log} says why. A server of your own does as well: set PREFECT_API_URL.",
    )
