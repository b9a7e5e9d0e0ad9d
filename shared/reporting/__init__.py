"""What people and BigQuery are shown of runs: report, manifest, the page of a running run, the index of all."""
