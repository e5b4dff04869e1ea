"""Benchmarks: every figure beside what it is measured against, in one run. `python -m bench`."""
