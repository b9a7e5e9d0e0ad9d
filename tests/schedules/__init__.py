"""A world that takes time: the real functions, run by seed against services that delay, fail, repeat and die.

    loop         one event loop in virtual time: no sleeping, order and time are the seed's
    chance       all that is drawn, from one number; which features a schedule has (the swarm)
    network      the wire below the HTTP client: connections, latency, faults, outages
    s3, edge     what answers at its other end: S3 and a CloudFront distribution,
    gcs          Cloud Storage's destination and staging buckets
    remote       the ports that are no HTTP here (Firestore, Pub/Sub), behind the same delays, faults and crashes
    stores       the state that all instances share, encoded and decoded on its way
    pubsub       a queue as Pub/Sub is: at least once, in any order, with deadlines, backoff and dead letters
    instance     one instance of a function with its own object graph, clock and connections; it may die at any call
    laws         what must hold after every step and at the end, each by its name
    schedule     one seed's history from its first message to its last law
    mutations    faults put into the code by hand, to show that the laws would see them

Everything above the wire is production code: clients, adapters, workflows. `make schedules SCHEDULES=20000` runs many,
`make schedules SEED=7` tells the history of one. No module here may read a clock, draw from `random` itself or sleep.
"""
