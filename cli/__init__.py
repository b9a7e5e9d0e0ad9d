"""The command-line tool: what a person asks of a job, and tells it to do.

One command a file; besides these a file for finding the job, one for what a command works with, and one for output.
Nothing imports this room, and what a function needs may not enter it: it asks the services with the providers' own
libraries and with `shared.bootstrap.connect_admin`, off the hot path.
"""
