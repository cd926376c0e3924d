"""What the metrics are made with: arrays and their readers, designs, intervals, estimates and reports."""
