"""The program ``numlean``, which is also ``python -m numlean``.

It handles signals before it imports anything else, so that Ctrl-C never shows a traceback.
"""

import sys

from numlean.cli.exit_status import SIGNAL
from numlean.cli.signals import handle_start_and_end, ignore_signals


def main() -> int:
    """Run the command of ``sys.argv``, and return the exit status."""
    handle_start_and_end()
    from numlean.cli.main import main as run_command  # slow to import

    status = run_command()
    if status > SIGNAL:  # the end has been requested, and is near
        ignore_signals()
    return status


if __name__ == "__main__":
    sys.exit(main())
