"""What the services charge, and what a run costs: the only room that knows a price.

Prices are data (`prices.json`: dated, each with its source) that a job can replace; the rest is arithmetic on them.
Pure: no clock, no environment, no SDK. Nothing in here may decide what is copied.
"""
