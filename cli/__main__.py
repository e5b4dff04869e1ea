"""`python -m cli` is `tailtrend`."""

import sys

INTERRUPTED = 130  # as a shell says it: 128 and SIGINT's number


def main() -> None:
    """Run the command line. Reading its modules takes a second: Ctrl-C in it ends as quietly."""
    try:
        from cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
