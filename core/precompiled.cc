// Nothing: a target needs a source, and this one has only its precompiled header.
