"""The hooks of the agents. Every CLI starts ``entry.py`` for each of them.

It runs under ``python -I -S`` and has 60 ms: the standard library only, and of it neither
pathlib, re, dataclasses nor typing. What takes longer (a checkpoint, a new briefing) is a
child, and rare.
"""
