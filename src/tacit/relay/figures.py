"""Every figure that a relay tells about itself: its name, its kind, what it means. A test fails on one not in here.

Counters end in ``_total``; sizes are bytes in steps of a MiB, times seconds. How they are blurred is in ``blur``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One of them. With ``label`` it has a value for each code, reason or transport."""

    name: str
    kind: Kind
    meaning: str
    label: str = ""


FIGURES: Final = (
    # People, in steps of ten.
    Figure("accounts", "gauge", "accounts that are registered"),
    Figure("connections", "gauge", "connections that are open"),
    Figure(
        "transport_connections", "gauge", "connections that are open over each transport: ws, grpc, tcp", "transport"
    ),
    Figure("sessions", "gauge", "devices that are logged in"),
    Figure("strangers", "gauge", "connections that have not logged in"),
    Figure("rendezvous", "gauge", "rendezvous where somebody waits or two talk"),
    # What people do, in steps of ten.
    Figure("connections_opened_total", "counter", "connections that were taken up"),
    Figure("turned_away_total", "counter", "connections that were not taken up, since their address had too many"),
    Figure("logins_total", "counter", "logins that were granted"),
    Figure("registrations_total", "counter", "accounts and devices that registered"),
    Figure("codes_sent_total", "counter", "codes that were sent to phones"),
    Figure("codes_shown_total", "counter", "codes that came back from those who got them"),
    Figure("appends_total", "counter", "entries that were stored and acknowledged"),
    Figure("deliveries_total", "counter", "entries that were handed to a reader's connection"),
    Figure("rendezvous_opened_total", "counter", "rendezvous that were opened for a session"),
    Figure("rendezvous_met_total", "counter", "guests who came to one"),
    Figure("refusals_total", "counter", "requests that were not granted", "code"),
    Figure("cut_off_total", "counter", "connections that the relay ended", "reason"),
    # How long it takes.
    Figure("transaction_seconds", "histogram", "from the start of a transaction until it is on the disk"),
    Figure("transaction_changes", "histogram", "changes that shared one transaction"),
    Figure(
        "delivery_seconds",
        "histogram",
        "from the arrival of an append until it is handed to its readers' connections, disk included; the slowest of "
        "each transaction",
    ),
    # What waits, and what there is.
    Figure("write_queue_bytes", "gauge", "on the way to the disk"),
    Figure("send_queue_bytes", "gauge", "waiting for readers that are slower than their senders"),
    Figure("held_bytes", "gauge", "written by accounts and not fetched yet"),
    Figure("store_bytes", "gauge", "the store's file"),
    Figure("store_unused_bytes", "gauge", "room in the store's file that is used again"),
    Figure("wal_bytes", "gauge", "the store's write-ahead log"),
    Figure("disk_bytes", "gauge", "the store's disk"),
    Figure("disk_free_bytes", "gauge", "free on the store's disk"),
    Figure("memory_bytes", "gauge", "memory of the process"),
    Figure("cpu_seconds_total", "counter", "processor time of the process, in whole seconds"),
    Figure("open_files", "gauge", "files and sockets that the process has open, in steps of ten"),
    Figure("max_open_files", "gauge", "files and sockets that the process may open"),
    Figure("started_at_seconds", "gauge", "when the relay was started, in Unix seconds"),
    # How it is; exact.
    Figure("ready", "gauge", "1 while the relay can take and keep messages"),
    Figure("registrations_paused", "gauge", "1 while it takes no new accounts, since disk or memory run low"),
    Figure("restoring", "gauge", "1 while a relay that was restored waits for what clients bring back"),
    Figure("stopping", "gauge", "1 while the relay is about to stop"),
    Figure("failed_transactions_total", "counter", "transactions that the disk did not take"),
    Figure("damaged_total", "counter", "spoilt entries and KeyPackages that were found"),
    Figure("codes_not_delivered_total", "counter", "codes that did not leave for a phone"),
    Figure("codes_alarm", "gauge", "1 while too few codes come back: somebody has them sent who does not get them"),
    Figure("sweeps_total", "counter", "rounds in which what was past its time was dropped"),
    Figure("failed_sweeps_total", "counter", "such rounds that did not come to their end"),
)
