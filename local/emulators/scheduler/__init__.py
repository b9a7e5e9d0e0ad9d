"""A Cloud Scheduler: publishes a job's message when its time has come, over Pub/Sub's REST surface. What the functions
do with the message must not enter.
"""
