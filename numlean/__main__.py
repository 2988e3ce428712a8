"""``python -m numlean`` is ``numlean``."""

import sys

from numlean.cli.main import main

sys.exit(main())
