"""What `doctor` looks at, a file a service. Each check answers with findings and raises nothing that a service says.

They are made with the person's own credentials: `make acceptance` finds out whether the functions' identities may do
the same. What changes anything but the probe, which is deleted at once, may not enter.
"""
