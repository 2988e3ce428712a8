"""Steps whose batch is cut into virtual shards, which are added in a fixed order."""
