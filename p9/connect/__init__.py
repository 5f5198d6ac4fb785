"""WebSockets of the venues, from outside in.

feeds          one endpoint: its connections, what their silence means
 needs          which topics the wanted feeds need
 placement      which topic on which connection
 rotation       a new connection before the old one ends
 lookout        looks at every topic in turn; liveness judges
session        the topics of one connection; subscriptions: requests and their answers
link           one WebSocket: connect, back off, end; pacing: how often
lane           what all connections of an endpoint share
"""
