"""What `pytest --benchmark-only benchmarks` runs: P9 against others in one run, as ratios."""
