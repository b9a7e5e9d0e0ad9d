"""Real processes and real sockets in bad weather, judged by what lies in the buckets.

A seed draws a bucket, a route, faults of the wire (`local.faults`), changes at the source, kills and freezes; drawn says
which. site is what a seed has of its own: buckets, topics, processes. source and watcher know what each side really
held and when; storm lets things happen; judge says which laws were broken. One stack serves all seeds (driver).
"""
