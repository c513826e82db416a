"""Checkpoints. A snapshot of the work tree, held by a ref, told by its own commit.

The snapshot commit says everything about itself in its trailers, so that a clone that has
only a tag can list, show and restore it. Its parents are HEAD and, where they exist, a commit
of the index and one of an unfinished state.
"""

from ovn.checkpoints.finding import found, number_of, resolve
from ovn.checkpoints.taking import Limits, Request, Taken, keep, look, take, take_asking
from ovn.checkpoints.telling import message, parse, subject
from ovn.checkpoints.thinning import forget, tag_again, thin, without_tag

__all__ = [
    "Limits",
    "Request",
    "Taken",
    "forget",
    "found",
    "keep",
    "look",
    "message",
    "number_of",
    "parse",
    "resolve",
    "subject",
    "tag_again",
    "take",
    "take_asking",
    "thin",
    "without_tag",
]
