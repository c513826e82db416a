"""The house itself: set up and taken out, examined (``doctor``, ``fsck``) and tidied (``housekeeping``)."""
