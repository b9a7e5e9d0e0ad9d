"""Pure decisions: no clock, no randomness, no environment, no network, no SDK, no logging.

What a decision needs (the time, a random draw) is an argument, so that every test here is a plain call.
"""
