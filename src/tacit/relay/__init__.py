"""The relay: keeps accounts, KeyPackages and logs of opaque entries, and hands them to who may read them.

Refuses to know what an entry means: it never imports ``tacit.mls`` or the client and could not read a message if it
wanted to. Everything that decides is in a service file named after what it decides (``login``, ``registry``, ``keys``,
``logs``); everything that is written is in ``store``.
"""
