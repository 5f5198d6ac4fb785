"""`p9 symbols`: what the exchanges list, by the names used here, and which feeds each lacks.

command  fetches the listings and prints
listing  the listings of one exchange
layout   columns within the width of a page
"""
