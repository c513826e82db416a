"""What a night came to, read from the state branch: one view-model, and the ways to show it.

``gather`` reads, ``model`` is what it gives, and the rest turns that into text, JSON and HTML.
Nothing here writes, and nothing is said that no commit, tag or state document backs.
"""

from ovn.report.gather import gather, nights

__all__ = ["gather", "nights"]
