"""What an operator decides about a relay; built once, in the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tacit.errors import ConfigError
from tacit.limits import RETENTION_S

Registration = Literal["open", "invite"]

DEFAULT_PORT = 8765


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """One relay's configuration. Raises ``ConfigError`` for values that cannot work."""

    data_dir: Path | None
    """Where the store and the relay key lie; None keeps everything in memory and leaves no file."""
    host: str = ""
    """Address to listen on; empty for every one."""
    port: int | None = DEFAULT_PORT
    """0 takes any free port; None opens none, for links that are handed over in memory."""
    public_host: str = "localhost"
    """Host in links and in the certificate."""
    public_port: int | None = None
    """Port in links, where a proxy has another one; None for the port that is listened on."""
    registration: Registration = "invite"
    retention_s: int = RETENTION_S
    """How long an entry waits for a reader who does not collect it."""

    def __post_init__(self) -> None:
        if self.registration not in {"open", "invite"}:
            raise ConfigError('registration is "open" or "invite"')
        if self.retention_s < 1:
            raise ConfigError("the retention time must be at least one second")
        for port in (self.port, self.public_port):
            if port is not None and not 0 <= port <= 65535:
                raise ConfigError("a port is a number up to 65535")

    @property
    def ephemeral(self) -> bool:
        """Whether nothing is kept on disk."""
        return self.data_dir is None
