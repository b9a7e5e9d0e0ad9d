"""Hostile input: seeded, counted, one number an input. What is held is in the targets' docstrings.

draw makes inputs, the other files feed them to the code that reads what others wrote; `__main__` counts them.
An exception that a reader does not name in its docstring is a find, and so is an input that takes a second of CPU, one
for which memory grows, and one that is believed though it cannot be true.
"""
