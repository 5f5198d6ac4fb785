"""The whole pipeline between a local venue and a real server, watched by a reader of its own."""
