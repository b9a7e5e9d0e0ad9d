"""The production lister on a virtual clock, against a model of the services and their published limits.

What is simulated is in `model.py`, what is assumed in `limits.py`. Nothing here is imported by the functions.
"""
