from __future__ import annotations

import pytest

from tests.mls.crew import Crew
from tests.mls.mirror import Mirror
from tests.mls.stranger import Stranger


@pytest.fixture
def crew() -> Crew:
    return Crew(3)


@pytest.fixture
def mirror(crew: Crew) -> Mirror:
    """Alice gone bad."""
    return Mirror(crew["alice"], crew.entropy)


@pytest.fixture
def stranger(crew: Crew) -> Stranger:
    """Dave, whom all know, gone bad."""
    return Stranger(crew, crew["alice"], "dave")
