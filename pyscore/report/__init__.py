"""What people read, send and cite of a study: one HTML file, charts and tables. No statistics of its own."""
