"""The state on ``overnight/state``: written ahead to a journal, folded into commits."""
