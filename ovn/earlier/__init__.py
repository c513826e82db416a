"""What earlier harnesses left: their configuration and their logs, read into our words.

The features they kept are read by ``ovn.features.exchange``.
"""
