"""What was copied, packed: entries, tables, batch records, the window of a scan, compaction. Pure."""
