//! Bad input: one clear sentence, the right exit code.
