"""What tests of whole nights share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.command import copied


@pytest.fixture
def home(night: Path, tmp_path: Path) -> Path:
    """A copy of the home in which the module's `night` was published, for a test that goes on from it."""
    return copied(night, tmp_path)
