//! The grammar of frames, and streams in pieces.
