"""What is run to find the truth: ``commands`` runs, ``trust`` allows, ``verify`` and ``health`` judge."""
