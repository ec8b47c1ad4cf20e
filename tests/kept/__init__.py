"""Whole worlds as this version and earlier ones have left them on the disk: nobody loses anything by an update.

``./dev keep`` lets the life of ``life.py`` happen and writes down what the relay's store and everybody's hold then, as
SQL in ``written/relay-<schema>-client-<schema>``. The tests start the present relay and the present clients on each.
"""
