"""What happened to a session, and what to do now: ``facts`` looks, ``table`` decides.

``diagnosis`` reads the table; ``ovn.shift.resuming`` carries out what it says.
"""
