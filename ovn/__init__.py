"""git ovn: coding agents that work through the night, with nothing but git underneath.

The public names are loaded on first use, so that the hook path and ``git-ovn --help``
pay for nothing they do not need.
"""

from __future__ import annotations

__version__ = "0.1.0"

_PUBLIC = {
    "OvnError": "ovn.errors",
    "Checkpoint": "ovn.model.documents",
}

__all__ = ["Checkpoint", "OvnError", "__version__"]


def __getattr__(name: str) -> object:
    """Return the public name, importing its module now (PEP 562)."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'ovn' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PUBLIC[name]), name)
