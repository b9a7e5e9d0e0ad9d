"""A proxy of faults, a process between any client and any server of the stack: HTTP/1.1 and gRPC.

fault says what may go wrong, and counts how often it did; http and grpc_calls pass requests on and let it go wrong;
wire is the connection below gRPC; `python -m local.faults` runs doors, control is how faults are planned there, and
client is the whole as a test holds it. What a server or the project means by a request must not enter: a fault finds it
by its method and its path.
"""
