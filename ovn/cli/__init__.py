"""The command line. The only place that prints, and that reads the environment."""
