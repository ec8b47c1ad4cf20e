"""Attacks on a relay process, each under the ID that it has in the list of hazards."""
