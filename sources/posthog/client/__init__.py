"""One page over HTTP: path and parameters -> decoded JSON, or the error that says what to do."""
