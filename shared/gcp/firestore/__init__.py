"""The state store in Firestore, one kind of document a file."""
