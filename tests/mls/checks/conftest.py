from __future__ import annotations

import pytest

from tests.mls.crew import Crew
from tests.mls.mirror import Mirror


@pytest.fixture
def crew() -> Crew:
    return Crew(3)


@pytest.fixture
def mirror(crew: Crew) -> Mirror:
    """Alice gone bad."""
    return Mirror(crew["alice"], crew.entropy)
