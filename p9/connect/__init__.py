"""Sockets and REST of the venues, from outside in.

markets        all exchanges: listings, instruments, feeds
catalog        the instruments of one exchange
feeds          one endpoint: its connections, what their silence means
 needs          which topics the wanted feeds need
 placement      which topic on which connection
 rotation       a new connection before the old one ends
 lookout        looks at every topic in turn; liveness judges
session        the topics of one connection; subscriptions: requests and their answers
link           one WebSocket: connect, back off, end
rest, ledger   one client and one weight budget a venue
resync         what the engine wants: snapshots, resubscriptions, instruments
port           the engine as all of these see it, and the recording of what they tell it
"""
