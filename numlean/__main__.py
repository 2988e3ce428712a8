"""``python -m numlean`` is ``numlean``."""

import sys

from numlean.cli import main

sys.exit(main())
