"""What can go wrong on the way to a relay: each class is a sentence for a person and a stable code for a script."""

from __future__ import annotations

from tacit.errors import ConfigError, ExitCode, TransportError, UsageError


class LinkClosed(TransportError):
    """The connection to the other side has ended.

    ``close_code`` is a number of RFC 6455 §7.4 (see ``tacit.net.links.CloseCode``) on every transport. ``reason`` came
    from the other side: control characters are gone, but it is still foreign text.
    """

    code = "link-closed"

    def __init__(self, close_code: int, reason: str = "") -> None:
        super().__init__()
        self.close_code = close_code
        self.reason = "".join(c for c in reason if c.isprintable())[:123]

    def __str__(self) -> str:
        return f"{self.close_code} {self.reason}".rstrip()


class FrameTooLarge(UsageError):
    """The frame is larger than this connection carries."""

    code = "frame-too-large"


class Unreachable(TransportError):
    """The relay cannot be reached."""

    code = "unreachable"
    hint = "Check the network, and ask whoever runs the relay whether it is up."


class ConnectionRefused(Unreachable):
    """Nothing answers at that address and port."""

    code = "connection-refused"
    hint = "Is the relay running, and is the port in the link the right one?"


class NameNotFound(Unreachable):
    """The relay's name is not known to the network."""

    code = "name-not-found"
    hint = "Check the spelling of the host in the link, and that this machine is online."


class ConnectTimeout(Unreachable):
    """The relay did not answer in time."""

    code = "connect-timeout"
    hint = "A firewall may be in the way, or the relay may be down."


class NotARelay(Unreachable):
    """Something answers at that address, but it does not speak tacit's protocol over TLS 1.3."""

    code = "not-a-relay"
    hint = (
        "Check the port in the link. A proxy may be in the way; or too many connect from your network, and it is worth "
        "trying again later."
    )


class ProxyUnreachable(Unreachable):
    """The proxy on the way to the relay cannot be reached."""

    code = "proxy-unreachable"
    hint = "Check the address in --proxy or ALL_PROXY, and that the proxy (or Tor) runs."


class ProxyRefused(Unreachable):
    """The proxy did not connect this machine with the relay."""

    code = "proxy-refused"
    hint = (
        "It may want a user and a password (socks5h://user:password@host:port), may not let that port through, or may "
        "not find the relay."
    )


class BadProxy(ConfigError):
    """That is not the address of a proxy."""

    code = "bad-proxy"
    hint = "It looks like socks5h://host:1080 or http://host:8080, with user:password@ before the host if need be."


class NameNotVerified(TransportError):
    """The relay's certificate is not one that this machine's authorities vouch for under that name."""

    code = "name-not-verified"
    exit_code = ExitCode.UNTRUSTED
    hint = "Somebody may be in the middle, or the certificate has expired; do not go on before you know which."


class CannotListen(TransportError):
    """The address and port cannot be listened on."""

    code = "cannot-listen"
    hint = (
        "Another program may hold the port, or it is one below 1024 and takes a privilege; choose another with --port, "
        "--grpc-port or --tcp-port; 0 is any free one."
    )


class LocalUnreachable(TransportError):
    """Nobody listens at that socket of this machine."""

    code = "local-unreachable"


class LocalForbidden(TransportError):
    """This user may not connect to that socket of this machine."""

    code = "local-forbidden"
    hint = "Ask as the user who runs the relay, such as with sudo -u."


class LocalTimeout(TransportError):
    """The program at that socket did not answer in time."""

    code = "local-timeout"
    exit_code = ExitCode.TIMEOUT
    hint = "It may be busy; ask again."


class LocalClosed(TransportError):
    """The program at that socket hung up before it had answered."""

    code = "local-closed"
    hint = "It may be stopping; ask again."


class UnknownTransport(UsageError):
    """The link asks for a transport that this version does not have."""

    code = "unknown-transport"


class BadCertificate(ConfigError):
    """The certificate or its private key cannot be used for TLS."""

    code = "bad-certificate"
    hint = "Both must be PEM, belong together, and the key must have no passphrase."
