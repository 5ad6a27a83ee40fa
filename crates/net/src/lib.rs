//! TLS that reloads, accept loops, HTTP/2 and gRPC framing, dialling, DNS, backoff, shutdown. Knows no domain type.
