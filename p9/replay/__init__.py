"""Recorded frames through the core again.

instruments  which instrument a venue id is
places       whose a record is
feed         entries -> engine, by the recording's clock
report       what was found
command      files in, messages to a file or to Redis
"""
