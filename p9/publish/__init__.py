"""Batches of Redis commands out, each confirmed.

publisher      hand-over, bounds, reconnects
pubqueue       pub/sub: in order, at least once
streamlog      streams: in order, exactly once; logbatch: one transaction
redis_link     one connection: handshake, replies counted off
epoch          the number of the run
embedded       the server that is started where there is none
pubstats       what is counted
"""
