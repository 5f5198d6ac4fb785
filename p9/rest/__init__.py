"""REST of the venues: one client and one weight ledger for everybody who asks a venue."""
