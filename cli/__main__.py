"""`python -m cli` is `tailtrend`."""

import sys

INTERRUPTED = 130  # as a shell says it: 128 and SIGINT's number


def main() -> None:
    """Run the command line. Ctrl-C while its first modules are read ends as quietly as later."""
    try:
        from cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
