"""A warning about what does not stop anything: said by our own verbs, logged in anybody else's program.

``logging`` takes as long to load as two git commands run, and mostly there is nothing to warn of.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own would cost what is saved here
if TYPE_CHECKING:
    from collections.abc import Callable

_listeners: list[Callable[[str], None]] = []


def warn(source: str, text: str) -> None:
    """Tell the last who asked by ``listen``; when nobody did, Python's logger of that name."""
    if _listeners:
        _listeners[-1](text)
        return
    import logging

    logging.getLogger(source).warning("%s", text)


def listen(listener: Callable[[str], None]) -> Callable[[], None]:
    """Have warnings told to ``listener`` and to nobody else; call what is returned to end that."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)
