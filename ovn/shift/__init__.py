"""A shift: what begins, briefs, ends and resumes one session of work in a work tree.

``starting`` and ``resuming`` are the ways in, ``closing`` the way out; ``claims`` takes the
leases, ``handoff`` holds the last words to their rules, ``briefing`` and ``context`` write what
the agent reads, ``views`` what people read.
"""
