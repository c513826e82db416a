"""``./dev bench [NAME [ARGUMENT]...]``: one benchmark, or all of them; each is a command of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(args: list[str]) -> int:
    """Run the named benchmark with the rest of the arguments, else each; 1 when one missed a target."""
    known = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    if args and args[0] not in known:
        print(f"error: no benchmark '{args[0]}'\nhint: there are {', '.join(known)}", file=sys.stderr)
        return 129
    codes = []
    for name in args[:1] or known:
        print(f"-- {name}", flush=True)
        command = [sys.executable, "-m", f"bench.{name}", *args[1:]]
        codes.append(subprocess.run(command, cwd=HERE.parent, check=False).returncode)
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
