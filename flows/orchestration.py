"""How Prefect is to behave here: it stays on this machine, keeps no result, and has a home of its own.

Nothing here imports Prefect, which reads these settings once, when it is imported.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_SETTINGS: Final = {
    # Nothing calls out.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_API_HOST": "127.0.0.1",
    # A busy machine needs longer than the 20 seconds that Prefect waits.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    # A result on disk is a pickle that nobody protects.
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_TASKS_DEFAULT_NO_CACHE": "true",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "b12screen",
}


def settle(home: Path | None = None, **more: str) -> None:
    """Sets what Prefect reads at its import. What the environment says already stands.

    home: where Prefect keeps its database. It stays from night to night, because making that database is half
    of a first start, and it is not the user's own Prefect profile.
    """
    if home is not None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ.setdefault("PREFECT_HOME", str(home))
        os.environ.setdefault("PREFECT_RESULTS_LOCAL_STORAGE_PATH", str(home / "results"))
    for name, value in (_SETTINGS | more).items():
        os.environ.setdefault(name, value)
