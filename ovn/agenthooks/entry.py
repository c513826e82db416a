"""What an agent's CLI starts for each hook: ``python -I -S entry.py CLI``, the event on stdin.

Whatever goes wrong in here, the agent works on: exit code 0, nothing on stdout, the reason in
``.git/ovn/log/agent-hook``. No more than this stands here, since Python compiles a script anew
at each start.
"""

import os
import sys

if __name__ == "__main__":
    # Last, so that nothing that lies beside the package is taken for the standard library.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from ovn.agenthooks.dispatch import main

    main(sys.argv[1:], os.environ)
    os._exit(0)  # at once: what was said is written, and to take an interpreter apart takes 2 ms
