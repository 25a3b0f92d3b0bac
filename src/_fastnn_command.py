"""The command ``fastnn``, outside of the package: that can't be imported where a setting of it is bad."""

from __future__ import annotations

import sys

BAD_USAGE = 2  # argparse's exit code


def main() -> int:
    """Run the command line; a bad setting in the environment ends it with a line, like a bad argument."""
    try:
        from fastnn import cli
    except ImportError as error:
        if not str(error).startswith("FASTNN_"):
            raise
        print(f"fastnn: error: {error}", file=sys.stderr)
        return BAD_USAGE
    return cli.main()
