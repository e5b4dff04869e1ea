"""Kill everything, then prove from outside that nothing was lost and nothing happened twice.

`python -m tests.chaos` runs it (docs/chaos.md); `test_chaos.py` and `test_mutations.py` are its
short forms inside `make test`.
"""
