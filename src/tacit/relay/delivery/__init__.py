"""How codes reach phones: through a service's HTTPS endpoint, a mail gateway, or the operator's own terminal.

Each is a ``Delivery``, made from a ``Route`` that the operator chose. What is delivered, and to whom, is in no log.
"""

from __future__ import annotations

from tacit.relay.delivery.routes import Console, Mail, Route, Webhook, open_route
from tacit.relay.delivery.sending import Delivery, NotDelivered, Undeliverable

__all__ = ["Console", "Delivery", "Mail", "NotDelivered", "Route", "Undeliverable", "Webhook", "open_route"]
