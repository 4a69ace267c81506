"""`python -m penjing`: the headless half of Penjing, without the window."""

import sys

from penjing.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
