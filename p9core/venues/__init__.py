"""One decoder a venue; a market of it is a row in `endpoints`."""
