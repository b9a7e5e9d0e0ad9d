"""What is installed: the locks, what they bring (SBOM), and what is known against it (audit). Servers, the stack and
the functions' rooms may not enter; of ours only the version is read.
"""
