"""The markets that are followed, from listing to feeds.

exchanges      all exchanges of a configuration: clients, listings, feeds, polls
market         one endpoint: which instruments it follows, and which no more
catalog        the instruments of one exchange; terms: what the configuration adds to them
resync         what the engine wants: snapshots, resubscriptions, instruments
"""
