//! The command line as its users meet it: refusals, exit codes, what is printed where.

mod refusals;
