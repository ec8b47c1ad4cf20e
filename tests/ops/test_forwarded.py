"""Where people come from, through a real nginx and a real Caddy, by the snippets that operators copy. Hazard H8."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tacit.relay.addresses import NEW_ACCOUNT
from tacit.relay.rates import RATES_OF_ADDRESS
from tacit.wire import errors
from tests.ops.test_proxies import NAME, Tls, caddy, nginx, tls
from tests.ports import free_port
from tests.processes.programs import Relay
from tests.relay.hazards.guests import NOBODY_IS_EXEMPT, Guests
from tests.relay.peers import Someone

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

__all__ = ["tls"]

ONE, OTHER = "127.0.0.66", "127.0.0.67"
LIES = {"X-Forwarded-For": "198.51.100.7", "Forwarded": "for=198.51.100.7", "X-Real-IP": "198.51.100.7"}


@pytest.mark.parametrize("proxy", [nginx, caddy])
async def test_each_client_of_the_proxy_is_counted_by_its_own_address_whatever_it_says(
    proxy: Callable[[Path, Tls, int, int], AbstractContextManager[None]], tmp_path: Path, tls: Tls
) -> None:
    port = free_port()
    told = {"TACIT_SERVE_BEHIND_PROXY": "true", "TACIT_SERVE_TRUSTED_PROXIES": "127.0.0.1"}
    with (
        Relay(tmp_path / "relay", "--registration", "open", env=NOBODY_IS_EXEMPT | told) as relay,
        proxy(tmp_path, tls, port, relay.port),
    ):
        named = {"Host": f"{NAME}:{port}"}
        async with Guests(port) as guests:
            for _ in range(int(RATES_OF_ADDRESS[NEW_ACCOUNT].burst)):
                await (await guests.peer(ONE, named | LIES)).register(Someone.new())
            with pytest.raises(errors.RateLimited):
                await (await guests.peer(ONE, named | LIES)).register(Someone.new())
            with pytest.raises(errors.RateLimited):
                await (await guests.peer(ONE, named)).register(Someone.new())
            await (await guests.peer(OTHER, named | LIES)).register(Someone.new())
