"""`python -m cli` is `tailtrend`."""

from cli.main import main

main()
