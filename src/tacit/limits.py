"""Every numeric bound against an attacker or a fault, with its reason. Sizes in bytes, times in seconds."""

from __future__ import annotations

from typing import Final

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86400

# --- MLS -----------------------------------------------------------------------------------------------------------
MAX_FORWARD_GENERATIONS: Final = 1_000
"""How far ahead of the last message a sender's generation may be; bounds the hashing that one header can cause."""

MAX_SKIPPED_KEYS: Final = 500
"""Message keys kept for each sender and ratchet while earlier messages are missing."""

MAX_SKIPPED_KEYS_PER_EPOCH: Final = 5_000
"""Message keys kept for all senders of one epoch together; bounds what is saved with every message."""

MAX_PAST_EPOCHS: Final = 2
"""Past epochs whose messages can still be opened; more would weaken forward secrecy."""

PAST_EPOCH_S: Final = DAY_S
"""Age at which a past epoch's keys go even if fewer than ``MAX_PAST_EPOCHS`` are held."""

MAX_RESUMPTION_PSKS: Final = 8
"""Epochs of a group, the present one included, whose resumption PSK is held. Enough to name an epoch that others have
just left behind; what is older proves little about today's members, and would be one more thing for a thief to find."""

KEY_PACKAGE_LIFETIME_S: Final = 28 * DAY_S
"""How long a KeyPackage made here may be used."""

KEY_PACKAGE_CLOCK_SKEW_S: Final = HOUR_S
"""``not_before`` lies this far in the past, for clocks that are slow."""

KEY_PACKAGE_MAX_RANGE_S: Final = 84 * DAY_S + HOUR_S
"""The longest lifetime accepted from others (RFC 9420 §7.2 asks for a maximum)."""

ONE_TIME_KEY_PACKAGES: Final = 20
"""One-time KeyPackages that a client keeps at the relay."""

MAX_GROUP_MEMBERS: Final = 1_000
"""Members of a group, unless an application has another policy; bounds the tree that a Welcome can make us check. The
frames and the logs of a relay are made for as many, so tacit's own client stays with it."""

LARGEST_GROUP_MEMBERS: Final = 5_000
"""What an application can raise that to; the bounds on decoding are above every honest message of such a group."""

MAX_PENDING_PROPOSALS: Final = 1_000
"""Proposals of one epoch that wait to be committed; each member may leave once."""

MAX_PENDING_PROPOSAL_BYTES: Final = 1024 * 1024
"""Of all of them together; they are stored with every message until the epoch ends."""

MAX_OUTSIDE_PROPOSALS: Final = 32
"""Those among them that do not come from members, whom nobody outside shall leave without room. Honest ones are few:
each keeps the group from speaking until a member commits it. Who finds no room asks again in the next epoch."""

MAX_OUTSIDE_PROPOSAL_BYTES: Final = 256 * 1024
"""Of those together; a quarter of ``MAX_PENDING_PROPOSAL_BYTES``, and room for the largest extensions of a group."""

MAX_EPOCH: Final = 2**53 - 1
"""The last epoch of a group; exact in JSON and in a column of SQLite, and never reached by an honest group."""

MAX_LEAF_BYTES: Final = 8 * 1024
"""One leaf of the tree, certificate and extensions included; an honest one takes some 1,500."""

MAX_GROUP_EXTENSIONS_BYTES: Final = 64 * 1024
"""All extensions of a group together; every signature in the group covers them."""

MAX_TREE_NODES: Final = 16_384
"""Nodes in a decoded ratchet tree, blanks included; ``LARGEST_GROUP_MEMBERS`` have 8,192 leaves."""

MAX_TREE_BYTES: Final = 4 * 1024 * 1024 - 256 * 1024
"""An encoded ratchet tree of ``MAX_GROUP_MEMBERS``, which must fit a frame together with the rest of a Welcome; more in
proportion where a policy lets more members in."""

MAX_VECTOR_BYTES: Final = 20 * 1024 * 1024
"""Any one variable-length vector: the largest tree of ``LARGEST_GROUP_MEMBERS`` and the rest of a Welcome or of a
stored epoch. What comes over a relay is bounded by its frame before."""

MAX_VECTOR_ITEMS: Final = 20_000
"""Elements of any one decoded vector; a legal size can hold millions of tiny ones. Above ``MAX_TREE_NODES``."""

# --- Frames --------------------------------------------------------------------------------------------------------
MAX_FRAME_BYTES: Final = 4 * 1024 * 1024 + 64 * 1024
"""One frame on any transport: the largest payload and its envelope."""

MAX_LOGIN_FRAME_BYTES: Final = 64 * 1024
"""One frame from a peer that has not logged in."""

MAX_STRANGER_PIECES: Final = 256
"""WebSocket frames, fragments and pings included, from a peer that has not logged in; six bytes make one, and a hundred
thousand of them a tenth of a second of everybody's time."""

MAX_FRAME_FIELDS: Final = 4_096
"""Fields in one large frame; two bytes can name a field that takes fifty in memory."""

MAX_MESSAGE_BYTES: Final = 64 * 1024
"""Payload of an application message or a proposal."""

MAX_COMMIT_BYTES: Final = 2 * 1024 * 1024
"""Payload of a commit; one of 1,000 members after many removals stays below."""

MAX_WELCOME_BYTES: Final = 4 * 1024 * 1024
"""Payload of a Welcome, which holds the whole tree: some 2.8 MB for 1,000 members."""

MAX_TEXT_BYTES: Final = 32 * 1024
"""UTF-8 bytes of one text message, which must fit ``MAX_MESSAGE_BYTES`` after padding."""

MAX_COUNTER: Final = 2**53 - 1
"""Counters and sequence numbers that a peer claims; exact in JSON, and in a column of SQLite."""

MAX_TIME_MS: Final = 253_402_300_799_999
"""A time that a peer claims: up to the last millisecond of the year 9999, where calendars end."""

MAX_KEY_PACKAGE_BYTES: Final = 16 * 1024
"""``MAX_LEAF_BYTES`` and as much again; an honest one of the default suite takes some 2,800."""

MAX_CERTIFICATE_BYTES: Final = 4 * 1024
"""A device certificate; with the largest account key and its signature one takes 1,133."""

MAX_ACCOUNT_KEY_BYTES: Final = 1024
"""A public account key in DER; one of RSA with 4,096 bits takes 550."""

MAX_HANDLE_CHARS: Final = 32
MAX_GROUP_NAME_BYTES: Final = 256
"""Names are shown on one line."""

MAX_ROOM_NAME_CHARS: Final = 32
"""Of a public room: as long as a handle."""

MAX_PHONE_CHARS: Final = 16
"""A plus sign and 15 digits. Source: ITU-T E.164 §6"""

MAX_OTP_REQUEST_CHARS: Final = 64
"""What names a code that was sent; ours take 32."""

MAX_OTP_CODE_CHARS: Final = 16
"""Six digits, and what people put between them."""

# --- Relay ---------------------------------------------------------------------------------------------------------
RETENTION_S: Final = 30 * DAY_S
"""How long the relay keeps an entry that a reader has not acknowledged."""

RELAY_CERTIFICATE_LIFETIME_S: Final = 10 * 365 * DAY_S
"""Dates of the relay's self-made certificate; trust comes from the pinned relay key, so nothing is gained by less."""

HANDSHAKE_TIMEOUT_S: Final = 15
"""From connection to login; unauthenticated peers get little time."""

IDLE_TIMEOUT_S: Final = 90
"""Silence after which a connection is dead; clients ping every third of it."""

SEND_QUEUE_FRAMES: Final = 256
"""Frames waiting for one slow reader; past that it is fed from its cursor again, and cut off if it stays slow."""

SEND_QUEUE_BYTES: Final = 8 * 1024 * 1024
"""Bytes waiting for one slow reader, for the same reason; at least one frame always fits."""

SLOW_READER_TIMEOUT_S: Final = 30
"""How long one frame may take to leave for a reader that does not drain."""

MAX_REQUESTS_IN_FLIGHT: Final = 64
"""Requests of one connection being worked on at once; further frames are not read until one is answered."""

MAX_BYTES_IN_FLIGHT: Final = 8 * 1024 * 1024
"""Bytes of one connection's requests being worked on at once, for the same reason."""

MAX_WRITE_QUEUE_BYTES: Final = 64 * 1024 * 1024
"""Bytes of all connections on their way to the disk; past that the relay asks for patience."""

MAX_WRITE_BATCH: Final = 512
"""Changes that share one transaction; bounds how long the first of them waits."""

MAX_STRANGERS: Final = 1_000
"""Connections that have not logged in; with each further one the oldest of them is cut off."""

MAX_LOGIN_FAILURES: Final = 3
"""Requests of a connection that has not logged in that may be refused before it is closed."""

MAX_SEATED_FAILURES: Final = 32
"""The same of one at a rendezvous, where what is on its way when the other side goes is refused, too."""

MAX_KEY_PACKAGES_PER_DEVICE: Final = 100
"""Five times what our own client keeps there; with ``MAX_KEY_PACKAGE_BYTES`` each, 1.6 MB of disk."""

MAX_DEVICES_PER_ACCOUNT: Final = 16
"""Each is a leaf of every group that its account is in, and has an inbox and a connection."""

MAX_DEVICES_EVER_PER_ACCOUNT: Final = 256
"""Revoked devices included, which are remembered for ever."""

MAX_LOGS_PER_ACCOUNT: Final = 1_000
"""Conversations that one account has made: a row for each, and one for each of its readers, stay while they last."""

MAX_READERS_PER_LOG: Final = MAX_GROUP_MEMBERS
"""Every member of a group reads its log; each entry goes to that many queues."""

MAX_FORMER_READERS_PER_LOG: Final = MAX_READERS_PER_LOG
"""Removed ones who have yet to fetch what was theirs, each a row; past that whoever has been out longest gets no more.
One member who lets others in and out again would fill the disk with them, and each acknowledgement looks at all."""

MAX_ANSWERS_PER_DEVICE: Final = 4_096
"""Answers to its appends that are kept when the entries have gone, the latest ones. What a device may repeat was under
way when its connection ended, a hundred appends at most; and what has gone counts in no quota."""

MAX_BROUGHT_KEPT: Final = 4_096
"""Entries of a log that are remembered as brought back when they have gone, the latest ones and a quarter more of them.
Each of those who bring has ``ENTRIES_KEPT`` at the most; and what has gone counts in no quota."""

MAX_GIVEN_OUT_KEPT: Final = 1_000
"""KeyPackages of one device that are remembered as given out, those that live longest. Its owner is in as many new
conversations within a month at the most; and whoever claims his own counts in no quota."""

MAX_ROOMS_PER_ACCOUNT: Final = 32
"""Each keeps a GroupInfo, a megabyte at most for the 300 people of the default suite that fit one."""

MAX_ROOM_INFO_BYTES: Final = 1024 * 1024
"""A room's GroupInfo, with its tree; each commit in the room writes it anew, and each newcomer is sent it."""

MAX_ROOM_QUEUE: Final = 256
"""Devices that wait at the door of one room."""

ROOM_LEASE_S: Final = 5
"""How long the door of a room is kept for whoever was let on: time for the slowest phone, and no more for whoever lets
it pass."""

MAX_INBOX_ENTRIES: Final = 1_000
"""Entries that wait in one inbox; a stranger can fill no more than this."""

MAX_INBOX_ENTRIES_PER_SENDER: Final = 50
"""Entries of one account that wait in another's inbox."""

MAX_INBOX_BYTES: Final = 64 * 1024 * 1024
"""Bytes that wait in one inbox."""

MAX_HELD_BYTES_PER_ACCOUNT: Final = 256 * 1024 * 1024
"""What one account wrote, into any log, and others have not fetched. Of the account and not of the log, so that one
member who fills a log closes it for nobody else; bounds the disk that one account can take."""

ENTRY_OVERHEAD_BYTES: Final = 128
"""What an entry counts for besides its payload; an empty one takes a row, too."""

MAX_ENTRIES_LOOKED_THROUGH: Final = 20_000
"""Of one account, to find its oldest ones when they have to make room; a fifth of a second of the writer."""

RATE_ROOM_MADE: Final = (0.2, 20.0)
"""How often one account's appends may make older entries go, where the operator wants that; what is more is refused."""

MAX_LISTEN_LOGS: Final = MAX_LOGS_PER_ACCOUNT + 1
"""Logs named in one Listen request: every conversation and the inbox."""

RATE_APPENDS: Final = (5_000.0, 20_000.0)
"""Requests a second, and at once after a pause, of one account; the store's quotas bound what stays."""

RATE_REQUESTS: Final = (6_000.0, 30_000.0)
"""Frames of one account, whatever they are, counted before they are looked at; past that its connections are not read
until their time has come. As many as the appends and acknowledgements that one account is granted together."""

RATE_REFUSALS: Final = (300.0, 200.0)
"""Requests of one account that are not granted; past that its connections are not read until their time has come. Three
hundred a second are a hundredth of the one core, and so many at once by a dozen accounts a tenth of a second."""

RATE_INBOX_APPENDS: Final = (10.0, 2_000.0)
"""Enough to add a thousand devices at once. Each leaves its answer behind for the retention time, so a steady stream
of them would fill the disk."""

RATE_CLAIMS: Final = (2.0, 200.0)
"""KeyPackages are few: one account cannot drain everybody's."""

RATE_LOOKUPS: Final = (20.0, 500.0)
"""Slow enough that trying out handles does not list a relay's people."""

MAX_ROOM_TURNS: Final = 3
"""How often in a row a newcomer is let on before those behind it: a member's commit may come between once or twice."""

RATE_ROOM_INFOS: Final = (256 * 1024.0, 16 * 1024 * 1024.0)
"""Bytes of GroupInfo of one account: each commit in a room brings one, and the disk writes it anew."""

RATE_ENTRANCES: Final = (0.5, 30.0)
"""Times that one account asks to come into rooms; each answer may be ``MAX_ROOM_INFO_BYTES`` long."""

RATE_NEW_LOGS: Final = (2.0, 200.0)
"""Conversations that one account makes: nobody begins two hundred on one day, and each is a transaction."""

RATE_PUBLISHED_KEYS: Final = (2.0, 100.0)
"""Requests that bring KeyPackages, twenty at once mostly: what was used up is filled up again when it was noticed."""

RATE_POSITIONS: Final = (1_000.0, 5_000.0)
"""Positions in logs, to acknowledge or to listen from; one request may name a thousand."""

RATE_LOGINS: Final = (1.0, 10.0)
"""Of one connection before login; each costs the relay a signature check."""

MAX_CONNECTIONS_PER_ADDRESS: Final = 256
"""Of an IPv4 address, or of the 64 bits of an IPv6 one that name a household: an office behind one address fits, a
single attacker takes a quarter of what strangers have at the most. What is larger is for the operator to exempt."""

RATE_CONNECTIONS: Final = (5.0, 256.0)
"""Of one address: everybody there comes back at once after a restart, and then nobody needs more. Each costs a TLS
handshake, a millisecond of the one core; refused before it, a hundredth of that."""

RATE_LOGINS_OF_ADDRESS: Final = (5.0, 300.0)
"""Of one address, whatever number of connections it has: as many as ``RATE_CONNECTIONS``, and some that fail."""

RATE_REGISTRATIONS_OF_ADDRESS: Final = (1.0, 60.0)
"""Of one address, granted or refused; each costs a signature check or two, and guesses an invitation at best."""

RATE_NEW_ACCOUNTS_OF_ADDRESS: Final = (20 / HOUR_S, 20.0)
"""Of one address: a family on one evening. Accounts are what all other quotas are counted by."""

OTP_DIGITS: Final = 6
"""As people know them: a million codes, of which ``MAX_OTP_TRIES`` may be tried."""

OTP_LIFETIME_S: Final = 10 * MINUTE_S
"""How long a code is good: messages to phones are late at times, and a code that lies about is no use to others."""

MAX_OTP_TRIES: Final = 5
"""Of one code; then it is burned. A guess is right once in a million."""

MAX_OTP_REQUESTS: Final = 10_000
"""Codes that are open at one time, in memory."""

MAX_PENDING_CODES: Final = 64
"""Messages that are on their way to phones; a gateway that is slower than that is no gateway."""

RATE_CODES_OF_ADDRESS: Final = (10 / HOUR_S, 10.0)
"""Codes that are sent at the wish of one address."""

RATE_OTP_TRIES_OF_ADDRESS: Final = (60 / HOUR_S, 30.0)
"""Codes that are shown from one address, right or wrong: what its messages may be tried with, and some."""

RATE_CODES_OF_NUMBER: Final = (6 / DAY_S, 3.0)
"""Codes that are sent to one number, whoever asks: three at once, then one in four hours. With five tries each that is
45 guesses on the first day and 30 on each that follows, and nobody's phone rings more often."""

RATE_CODES_OF_PREFIX: Final = (20 / HOUR_S, 20.0)
"""Codes that are sent to numbers that differ in their last four digits only: that is how blocks of numbers are sold."""

PHONE_SENDS_PER_DAY: Final = 200
"""Codes that are sent in any 24 hours, unless the operator says otherwise: what a day can cost at the worst."""

PHONE_ALARM_SENDS: Final = 20
"""Codes by whose fate it is judged whether people get them."""

PHONE_ALARM_SHARE: Final = 0.3
"""When fewer of them than this share were shown, somebody makes the relay send messages that nobody reads."""

PHONE_QUIET_SHARE: Final = 0.5
"""When at least this share was shown, the alarm is over."""

RATE_PHONE_LOOKUPS: Final = (20 / HOUR_S, 50.0)
"""Numbers that one account looks up: an address book, and no telephone directory."""

NEW_ACCOUNTS_PER_HOUR: Final = 1_000
"""Of the whole relay, unless the operator says otherwise; as many at once after a pause. Nothing else bounds a crowd of
strangers with addresses of their own."""

MAX_ADDRESSES: Final = 20_000
"""Addresses that are remembered while nobody is connected from there, the least recent ones forgotten first: 16 MB."""

RETURN_WAIT_S: Final = 10 * MINUTE_S
"""How long a restored relay takes nothing new for a conversation while some of its readers may still bring back what
the backup lacks. Whoever is online comes within ``RECONNECT_MAX_S``; this is for phones that wake up now and then."""

LOW_DISK_BYTES: Final = 256 * 1024 * 1024
"""Free room on the relay's disk below which it takes no new accounts: what is left is for those who are here, for the
store's write-ahead log (64 MiB at most) and for what a migration copies of a small store."""

LOW_MEMORY_BYTES: Final = 128 * 1024 * 1024
"""Free memory below which the relay takes no new accounts: two thousand devices that come back at once take as much."""

LOW_SHARE: Final = 0.05
"""No more than this share of a small disk or a small memory counts as low."""

ENOUGH_AGAIN: Final = 1.25
"""How many times that must be free before new accounts are taken again."""

# --- Sessions ------------------------------------------------------------------------------------------------------
PAIRING_S: Final = MINUTE_S
"""How long two may take to pair: so long somebody in the middle can try words against the first MAC that it sees. Two
stretchings and four messages take a few seconds."""

PAIRING_ATTEMPTS: Final = 3
"""Guests that may fail before a code is burned. Each is one guess at 33 bits, and room for one who mistypes twice."""

PAIRING_TIME_COST: Final = 3
PAIRING_MEMORY_KIB: Final = 256 * 1024
PAIRING_LANES: Final = 4
"""What stretching the words of a code costs: 1.1 s of one core here, so trying all 2^33 within the minute takes 150
million cores. Four times the memory of a passphrase, since words are fewer than a passphrase's and nobody waits for it
more than once; a machine with 512 MB still bears it."""

RENDEZVOUS_S: Final = 10 * MINUTE_S
"""How long a code is good that nobody has come with: somebody reads it out and somebody types it."""

RENDEZVOUS_QUIET_S: Final = 12 * HOUR_S
"""How long two may sit at a rendezvous and say nothing, while both connections live: a night."""

MAX_RENDEZVOUS: Final = 1_000
"""Of a relay at one time. A name tried at random is one of them in 16,000 tries at the least."""

MAX_RENDEZVOUS_PER_ADDRESS: Final = 16
"""Waiting or talking at one time, of those that one address opened; so sixty of them are needed to take all."""

RATE_RENDEZVOUS_OF_ADDRESS: Final = (1 / MINUTE_S, 20.0)
"""Opened by one address; each is a name less for others for an hour."""

RATE_GUESTS_OF_ADDRESS: Final = (1 / MINUTE_S, 20.0)
"""Names tried by one address, right or wrong: at a relay that is full, one address meets one stranger in eleven days.
That costs them one of three attempts, and gives a guess at 33 bits."""

RENDEZVOUS_NAMES_KEPT: Final = 20_000
RENDEZVOUS_NAME_REST_S: Final = HOUR_S
"""How long, and how many, names stay unused after their rendezvous is over, so that no late guest meets a stranger."""

RATE_PASSED: Final = (32.0, 1_024.0)
"""Of one side of a rendezvous; a message counts one, and one more for each KiB. Enough to talk and for the output of a
program, little for a tunnel. What is more waits unread."""

RATE_PASSED_OF_ADDRESS: Final = (128.0, 4_096.0)
"""Of all sides at one address together, counted in the same way: a hundredth of the one core."""

RATE_PASSED_OF_ALL: Final = (1_000.0, 256.0)
"""Of all rendezvous together; a message counts one, and one more for each 16 KiB: a tenth of the one core, however many
addresses somebody has. Each side waits for its turn, unread."""

MAX_PASSING_BYTES: Final = 128 * 1024
"""Waiting for one side of a rendezvous that reads slowly; past that the other is asked for patience. Two messages."""

MAX_PASSING_BYTES_OF_ALL: Final = 32 * 1024 * 1024
"""Waiting for all sides of all rendezvous; past that those for whom most waits are cut off."""

SESSION_EVENTS: Final = 1_000
"""Messages that a session holds for a program that does not read them; past that it reads no further."""

# --- Client --------------------------------------------------------------------------------------------------------
RECONNECT_FIRST_S: Final = 0.5
RECONNECT_MAX_S: Final = 30.0
"""Backoff between tries to reach the relay, before jitter; whoever has something to send does not wait for it."""

REQUEST_TIMEOUT_S: Final = 30
"""How long a request may stay unanswered before the connection counts as dead."""

MAX_COMMIT_ATTEMPTS: Final = 20
"""Lost commit races in a row before the person is told that the change did not go through."""

MAX_REQUESTS_OF_ACCOUNT: Final = 8
MAX_STRANGERS_REQUESTS: Final = 256
"""Invitations of one account that has not been said yes to, and of all such accounts, that wait for an answer. Each is
a group with its tree, up to megabytes; what is more is dropped until some have been answered."""

MAX_DIRECT_GROUPS: Final = 64
"""Groups that are one direct chat. Each time that the two begin it anew there is one more, after a restore say; and
whoever need not ask could begin it as often as the relay lets him."""

NOBODYS_LINES: Final = 50
NOBODYS_LINES_S: Final = HOUR_S // 4
"""Lines of one conversation in so long that only say that something could not be opened: whoever has the link of a room
can write what is none into its log, thousands a second, and the history must not become that."""

HEADS_KEPT: Final = 1_000
"""Running heads of a conversation remembered for comparison with what others saw."""

ENTRIES_KEPT: Final = 1_000
"""Entries of a log that a client keeps to bring them back to a restored relay: a day of a busy group."""

KEPT_BYTES: Final = 8 * 1024 * 1024
"""Their payloads, for each log; the latest is kept whatever its size."""

WELCOMES_KEPT: Final = 64
WELCOME_BYTES_KEPT: Final = 16 * 1024 * 1024
"""Welcomes of its own that a client keeps to send them again after a restore, the latest ones."""

DEVICE_CERTIFICATE_LIFETIME_S: Final = 2 * 365 * DAY_S
"""How long a device's certificate is valid."""

DEVICE_CERTIFICATE_CLOCK_SKEW_S: Final = HOUR_S
"""How far ahead of ours the clock may be that dated a new certificate."""

ARGON2_TIME_COST: Final = 3
ARGON2_MEMORY_KIB: Final = 64 * 1024
ARGON2_LANES: Final = 4
"""RFC 9106's second recommended option: 64 MiB, three passes, four lanes; about 0.3 s."""

ARGON2_MIN_MEMORY_KIB: Final = 8 * 1024
ARGON2_MAX_MEMORY_KIB: Final = 1024 * 1024
ARGON2_MAX_TIME_COST: Final = 64
ARGON2_MAX_LANES: Final = 16
"""Settings read from a file: no weaker than a slow machine needs, no stronger than a small one survives."""
