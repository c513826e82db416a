"""git ovn: coding agents that work through the night, with nothing but git underneath.

The public names are loaded on first use, so that the hook path and ``git-ovn --help``
pay for nothing they do not need.
"""

from __future__ import annotations

__version__ = "0.1.0"

_PUBLIC = {
    "Checkpoint": "ovn.model.documents",
    "CurrentStep": "ovn.session.effects",
    "DurableSession": "ovn.session.asynchronous",
    "NonDeterminismError": "ovn.errors",
    "OvnError": "ovn.errors",
    "RetryPolicy": "ovn.session.retry",
    "StateLayer": "ovn.state.layers",
    "StepFailed": "ovn.errors",
    "StepInterrupted": "ovn.errors",
    "SyncSession": "ovn.session.synchronous",
    "VersionChanged": "ovn.session.opening",
    "current_step": "ovn.session.effects",
    "register_result": "ovn.session.results",
}
"""Public name: the module that has it."""

__all__ = [
    "Checkpoint",
    "CurrentStep",
    "DurableSession",
    "NonDeterminismError",
    "OvnError",
    "RetryPolicy",
    "StateLayer",
    "StepFailed",
    "StepInterrupted",
    "SyncSession",
    "VersionChanged",
    "__version__",
    "current_step",
    "register_result",
]


def __getattr__(name: str) -> object:
    """Return the public name, importing its module now (PEP 562)."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'ovn' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PUBLIC[name]), name)
