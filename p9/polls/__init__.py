"""Polls: what streams do not bring, or too rarely, is asked by REST.

scheduler      one exchange: what is due is asked, paced, within the ledger
jobs           when what has to be asked; wheel: one timer for all of it
freshness      what is too old, and who is told
"""
