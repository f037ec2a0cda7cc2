"""``python -m pyrometer run``: the part of the ``pyrometer`` command that is Python's."""

from __future__ import annotations

import sys

from . import run


def main() -> None:
    """Runs the subcommand that was typed."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["run"]:
        run.main(arguments[1:])
    print(
        f"{run.USAGE}\nAll else is done by the program `pyrometer`, which comes with the wheel.",
        file=sys.stderr,
    )
    sys.exit(2)


if __name__ == "__main__":
    main()
