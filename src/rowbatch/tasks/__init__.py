"""The work on a table as tasks that any process, on any machine, can do."""
