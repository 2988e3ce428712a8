"""The program ``numlean``, which is also ``python -m numlean``.

It handles signals before it imports anything else, so that Ctrl-C never shows a traceback.
"""

import sys

from numlean.cli.signals import handle_start_and_end


def main() -> int:
    """Run the command of ``sys.argv``, and return the exit status."""
    handle_start_and_end()
    from numlean.cli.main import main as run_command  # slow to import

    return run_command()


if __name__ == "__main__":
    sys.exit(main())
