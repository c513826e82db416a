"""Git's hooks. The shim is ``hooks/ovn-hook.sh``; it starts ``entry.py`` where it must.

``entry``, ``dispatch``, ``rules`` and ``observe`` run under ``python -I -S`` and have 25 ms:
the standard library only, and of it neither pathlib, re, json nor typing.
"""
