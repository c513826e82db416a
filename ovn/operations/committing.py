"""A work commit by git ovn: the user's hooks, identity and signing, with a safety checkpoint."""
