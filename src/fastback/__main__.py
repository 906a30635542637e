"""Run the command line: `python -m fastback`."""

import sys

from fastback.cli import main

sys.exit(main())
