"""Handing one mail to a server over SMTP. Blocks; for a thread. Where TLS is spoken, the server's name is verified."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final, Literal, TypeAlias

from tacit.crypto.secret import Secret
from tacit.errors import TransportError

Security: TypeAlias = Literal["starttls", "tls", "none"]

TEMPORARY: Final = range(400, 500)
"""Codes of a server that may have another mind later. Source: RFC 5321 §4.2.1"""


class MailFailed(TransportError):
    """The mail server did not take the mail.

    ``temporary`` says whether it may take it later, ``address`` whether it only minded whom it was for.
    """

    code = "mail-failed"

    def __init__(self, detail: str, *, temporary: bool, address: bool = False) -> None:
        super().__init__(detail)
        self.temporary = temporary
        self.address = address


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, and as whom; without a ``user`` nobody logs in."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(b""))
    timeout_s: float = 20.0


def hand_in(server: MailServer, mail: EmailMessage) -> None:
    """Hand a mail in. Raises ``MailFailed``."""
    try:
        with _connect(server) as connection:
            if server.security == "starttls":
                connection.starttls(context=ssl.create_default_context())
            if server.user:
                connection.login(server.user, server.password.reveal().decode())
            connection.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        temporary = any(code in TEMPORARY for code in codes)
        raise MailFailed("SMTPRecipientsRefused", temporary=temporary, address=True) from None
    except smtplib.SMTPResponseException as error:
        raise MailFailed(type(error).__name__, temporary=error.smtp_code in TEMPORARY) from None
    except (smtplib.SMTPNotSupportedError, ssl.SSLError, UnicodeDecodeError) as error:
        raise MailFailed(type(error).__name__, temporary=False) from None
    except (smtplib.SMTPException, OSError) as error:
        raise MailFailed(type(error).__name__, temporary=True) from None


def _connect(server: MailServer) -> smtplib.SMTP:
    if server.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_s, context=context)
    return smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)
