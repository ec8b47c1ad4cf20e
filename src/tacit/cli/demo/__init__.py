"""``tacit demo``: a real relay, three real clients, and a search for what they said in everything the relay holds."""
