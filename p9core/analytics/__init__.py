"""One file an analytic: what is computed from trades and books. Each knows records, no venue."""
