"""A whole night in a scratch repository, with an agent that follows a script."""
