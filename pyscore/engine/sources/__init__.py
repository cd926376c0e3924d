"""Where scores come from: each module or package in here is one kind of model."""
