"""Every cloud service as a server on a loopback port, for the real client libraries: `python -m local.emulators s3 …`.

A folder is a service. What all services share lies beside the folders: the loopback interface, serving HTTP and gRPC,
a certificate, content (blob), the meter of billed operations and scripted faults (instruments).

An emulator is what the project is held to, so it is written from the service's documentation and is at least as strict.
What may not enter: an import of `shared/` or `functions/`, or an emulator would believe the project's mistakes; an
import of the tools in `local/`; an import of one service by another, which talk over HTTP or gRPC as in the cloud.
"""
