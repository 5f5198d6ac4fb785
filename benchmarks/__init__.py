"""What `pytest --benchmark-only benchmarks` runs: the core against others, in one run, as ratios."""
