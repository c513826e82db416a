"""The night. Processes that can be killed anywhere without loss.

What is decided (``decide``, ``limits``, ``stop``) is pure; what is done to processes, files
and refs stands in modules of its own, and only ``night`` knows the order of it all.
"""
