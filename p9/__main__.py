"""`python -m p9`."""

import sys

from p9.cli import main

if __name__ == "__main__":
    sys.exit(main())
