"""Chat servers that archive what they deliver, as Debian packages them: what the relay is measured against.

Prosody and ejabberd are fetched by apt, unpacked into the cache folder and run from there, as whoever runs the
benchmark and beside anything that is installed: ``packages``. ``servers`` configures and starts them: TLS from the
first byte, message archiving on for everybody, limits off, no module that the work does not need. ``stream`` is the
client's side, driven by the same loops as tacit's devices.
"""

from __future__ import annotations
