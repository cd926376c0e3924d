// provenance
