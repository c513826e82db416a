"""``git ovn mcp``: the tools for an agent, over the Model Context Protocol."""

from __future__ import annotations

import sys

import click


@click.command()
def command() -> None:
    """Serve the tools status, next_feature, checkpoint, verify_feature, handoff, ask_human, note.

    JSON-RPC over stdin and stdout, until stdin ends. Each tool is a verb of git ovn as well.
    """
    from ovn.mcp import server

    server.serve(sys.stdin.buffer, sys.stdout.buffer, server.run_verb)
