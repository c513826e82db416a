"""The tools that an agent has of us, over the Model Context Protocol.

Each is a plain verb with ``--json`` in a process of its own: what a verb refuses is refused
here too, and nothing that a verb prints can disturb the protocol.
"""
