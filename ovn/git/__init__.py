"""Everything that touches git. Nothing else imports pygit2 or starts git.

Objects and refs go through pygit2, which runs no hooks and no program that a repository's
configuration names; the work tree goes through the git command line with a private index,
because libgit2 loses filtered, sparse and symlinked files (docs/decisions/).
"""
