"""What the hook shim starts: ``python -I -S entry.py HOOK .git/ovn WORKTREE FACT...``.

Exit code 0: allowed, or recorded; 3: refused, and the reason was said. Any other means that
this could not do its work: the shim then lets people through, and processes of a session not.
No more than this stands here, since Python compiles a script anew at each start.
"""

import os
import sys

if __name__ == "__main__":
    # Last, so that nothing that lies beside the package is taken for the standard library.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from ovn.githooks.dispatch import main

    sys.exit(main(sys.argv[1:], os.environ))
