"""``python -m ovn`` is ``git-ovn``."""

import sys

from ovn.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
