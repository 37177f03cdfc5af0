//! Parse, run, exit code.

fn main() -> std::process::ExitCode {
    pgpassage::cli::run(std::env::args_os()).into()
}
