"""What is left of a run for people and for BigQuery: its report and its manifest."""
