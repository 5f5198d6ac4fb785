"""Channels as a person reads them. It only reads, and knows nothing of the pipeline.

text     pieces of a line: styles, width, cut, harmless characters, short durations
message  payload -> fields with the digits as they came; holes in (epoch, seq)
values   values as text, bounded
kinds    one table: how each kind of message is written
layout   message -> line: the fixed columns, and aligned cells behind them
rates    messages a second by kind
screen   lines out: a terminal with a status line, or plain lines
reader   the subscription to Redis
command  the loop, what is left out, the exit status
"""
