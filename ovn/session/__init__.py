"""A program's session: steps that run once, retries that survive, transactions, layers.

``starting`` begins it, ``asynchronous`` and ``synchronous`` are its two faces, ``core`` the one
thing behind them; ``running``, ``waiting``, ``verbs`` and ``transactions`` are what they do.
"""
