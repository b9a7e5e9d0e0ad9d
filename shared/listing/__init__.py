"""List a range of the source, or what its events name, and decide what to publish; sort what events leave."""
