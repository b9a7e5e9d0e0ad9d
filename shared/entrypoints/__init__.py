"""What the cloud calls: a pushed message, a request, and what an instance keeps between them.

Python's cycle collector looks through young objects every 700 new ones, and then through ever older ones. A scan makes
a hundred thousand a second that die by themselves, and imports make many that stay: that was a quarter of a
comparison's CPU (`make bench-walk`) and a sixth of a start's. https://docs.python.org/3/library/gc.html#gc.set_threshold
"""

import gc

gc.set_threshold(10_000, 20, 20)
