"""A world that takes time: the real functions, run by seed against services that delay, fail, repeat and die.

    loop         one event loop in virtual time: no sleeping, order and time are the seed's
    chance       all that is drawn, from one number; which features a schedule has (the swarm)
    faults       what happens to one call: how long it takes, whether it or its answer gets lost, who dies of it
    network      the wire below the HTTP client: connections, latency, cut answers, outages
    s3, edge     what answers at its other end: S3 and a CloudFront distribution,
    gcs          Cloud Storage's destination and staging buckets
    remote       the ports that are no HTTP here (Firestore, Pub/Sub), behind the same delays, faults and crashes
    stores       the state that all instances share, encoded and decoded on its way
    pubsub       a queue as Pub/Sub is: at least once, in any order, with deadlines, backoff and dead letters
    instance     one instance of a function, with a clock of its own; it may die or stand still at any call
    wiring       its adapters: production's own above the wire
    watch        its HTTP client, watched: who holds a connection asks for one of a later lane only
    scale        the sizes at which code takes another way, made small
    world        all of these, from one seed
    scanning     the world of lister, verifier and deletion: many keys, short pages, a destination that rots
    following    the world of events: a few keys that change often, and a lister that follows
    emitting     what S3 tells of them, dropped, twice, late and in disorder
    sqs          the queue it comes to, as strict as SQS
    told         what must come of what was told: the laws of events
    truth        what both buckets held at every moment, and what may be said and done of it
    laws         what must hold after every step and at the end, each by its name
    schedule     one seed's history from its first message to its last law
    mutations    defences taken away by hand, to show that the laws would see it

Everything above the wire is production code: clients, adapters, workflows. `make schedules SCHEDULES=20000` runs many,
`make schedules SEED=7` tells the history of one. No module here may read a clock, draw from `random` itself or sleep.
"""
