"""A gateway that turns mail to an address with the number in it into a message to that phone."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import formatdate
from functools import partial
from typing import Final

from tacit.clock import Clock
from tacit.entropy import Entropy
from tacit.net.mailing import MailFailed, MailServer, hand_in
from tacit.relay.delivery.sending import Again, NotDelivered, Undeliverable, trying

NUMBER: Final = "{number}"
"""Stands in the address for the number's digits, country code first."""


THREADS: Final = 4
"""That hand mails in; of their own, so that a server that does not answer holds up nothing but mails."""


class MailDelivery:
    """Mails messages through one server."""

    def __init__(self, server: MailServer, sender: str, recipient: str, clock: Clock, entropy: Entropy) -> None:
        self._server = server
        self._sender = sender
        self._recipient = recipient
        self._clock = clock
        self._entropy = entropy
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tacit-relay-mail")

    async def deliver(self, number: str, text: str) -> None:
        """Mail a message, again where that may help. Raises ``NotDelivered``."""
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = self._recipient.replace(NUMBER, number.lstrip("+"))
        mail["Date"] = formatdate(self._clock.now_s())
        mail["Message-ID"] = f"<{self._entropy(16).hex()}@{self._sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(text, charset="us-ascii", cte="7bit")  # as it is: not every gateway undoes an encoding
        await trying(partial(self._once, mail), self._clock, self._entropy)

    async def _once(self, mail: EmailMessage) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, hand_in, self._server, mail)
        except MailFailed as error:
            if error.temporary:
                raise Again(error.detail) from None
            raise (Undeliverable if error.address else NotDelivered)(error.detail) from None
