"""Every change of files or refs that a person can take back.

An operation is a journaled transaction: a safety checkpoint, a durable intent, the change, a
comparison, the record that it is done. One that did not end (an error, ``kill -9``) is
reversed from its safety checkpoint by itself or by the next command; ``undo`` is an
operation like the others. (The idea of an operation log is jj's.)
"""

from ovn.operations.committing import commit_work
from ovn.operations.feature import rollback_feature
from ovn.operations.ledger import operations, unfinished
from ovn.operations.moving import restore, rollback, undo
from ovn.operations.transaction import Order, Outcome, recover

__all__ = [
    "Order",
    "Outcome",
    "commit_work",
    "operations",
    "recover",
    "restore",
    "rollback",
    "rollback_feature",
    "undo",
    "unfinished",
]
