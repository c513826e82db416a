"""The pages of ``git ovn serve``: nights, timelines, health and metrics, read from the repository.

An ASGI application over the view-model of ``ovn.report``. It reads; the one thing it can write
is the answer to a question, and that only where a person asked for it. Needs the extra ``web``.
"""
