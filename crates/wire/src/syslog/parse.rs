//! Syslog messages of any sender as V2 envelopes: RFC 5424, RFC 3164 and what passes for
//! it, read leniently.
