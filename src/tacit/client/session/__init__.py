"""A session: two people who met by a code and talk in a group that nobody keeps. In memory only, from first to last.

``line`` is the connection, ``talk`` the MLS group, ``pairing`` drives the table of ``tacit.identity.pairing``, and
``session`` lives through all of it. Knows no store, no disk, no account of anybody.
"""
