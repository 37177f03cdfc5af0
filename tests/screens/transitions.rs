//! What keys and news do to the state: pure transitions.
