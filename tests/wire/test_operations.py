from __future__ import annotations

import pytest

from tacit.wire.errors import AlreadyLoggedIn, NotLoggedIn, ProtocolVersion, TooLarge, Unsupported
from tacit.wire.operations import PROTOCOL_VERSION, REQUESTS, Phase, check_request, choose_protocol


@pytest.mark.parametrize("name", REQUESTS)
def test_each_request_belongs_to_one_phase(name):
    request = REQUESTS[name]
    (other,) = set(Phase) - {request.phase}
    assert check_request(request.phase, name, request.max_bytes) is request
    with pytest.raises(NotLoggedIn if other is Phase.GREETED else AlreadyLoggedIn):
        check_request(other, name, 1)
    with pytest.raises(TooLarge):
        check_request(request.phase, name, request.max_bytes + 1)


def test_a_request_without_a_name_is_unsupported():
    with pytest.raises(Unsupported):
        check_request(Phase.LOGGED_IN, "", 1)


def test_the_highest_common_version_is_chosen():
    assert choose_protocol(1, 9) == PROTOCOL_VERSION
    for low, high in ((2, 9), (0, 0), (5, 3)):
        with pytest.raises(ProtocolVersion):
            choose_protocol(low, high)
