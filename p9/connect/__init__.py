"""Sockets and REST of the venues, from outside in.

markets        all exchanges: listings, instruments, feeds
market         one endpoint: which instruments it follows, and which no more
catalog        the instruments of one exchange; terms: what the configuration adds to them
feeds          one endpoint: its connections, what their silence means
 needs          which topics the wanted feeds need
 placement      which topic on which connection
 rotation       a new connection before the old one ends
 lookout        looks at every topic in turn; liveness judges
session        the topics of one connection; subscriptions: requests and their answers
link           one WebSocket: connect, back off, end
rest, ledger   one client and one weight budget a venue
pollers        one exchange: what streams do not bring is asked by REST
 polljobs       when what has to be asked; wheel: one timer for all of it
 freshness      what is too old, and who is told
resync         what the engine wants: snapshots, resubscriptions, instruments
port           the engine as all of these see it, and the recording of what they tell it
"""
