"""`python -m cli`, which is what `.venv/bin/bucket-transfer` runs."""

import sys

from cli.app import main

sys.exit(main())
