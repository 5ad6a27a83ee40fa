//! The verbs for people: exec, emit, tail, certs.
