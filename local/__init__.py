"""The local stack: the emulators, and the tools that start, fill, drive and check them on one machine.

    emulators/     every cloud service as a server on a loopback port; knows nothing of what lies around it
    faults/        a proxy between any client and any server of the stack, with what goes wrong on the way
    stack          all processes together; made of children (and tether), deployed (the functions), google (Google's own
                   emulators), ports, names, choices and provisioning (what Terraform makes in the cloud)
    queues         S3's events on the stack: moto's SQS and EventBridge, and what they were asked
    clients        the real libraries' clients, pointed to the stack
    demo, up       `make demo` and `make up` (its stack_file is `.local/env`); with sample, comparison, runs, followed
                   and prices
    settings_page, errors_page   write docs/settings.md and docs/errors.md
    supply/        what is installed, and what is known against it: `make sbom`, `make audit`

Tools may import `shared/` and the emulators. What may not enter: anything that a deployed function needs, because
neither `shared/` nor `functions/` may import `local/`; and no two modules that import one another.
"""
