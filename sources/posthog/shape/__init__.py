"""A page of JSON -> an Arrow batch: privacy applied, columns typed, child lists split off."""
