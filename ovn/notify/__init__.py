"""Telling a person who is not there: a webhook, a command, the service manager.

Nothing here can block or fail a night: messages go out in a thread of their own, within time
limits, and what does not get through is said once in the night's own log.
"""

from __future__ import annotations

from ovn.notify.channels import of as ways_of
from ovn.notify.events import About, Severity
from ovn.notify.herald import Herald, herald_of
from ovn.notify.service import VARIABLES, Service, for_children

__all__ = ["VARIABLES", "About", "Herald", "Service", "Severity", "for_children", "herald_of", "ways_of"]
