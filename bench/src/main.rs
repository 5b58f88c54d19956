//! `lockstep`: see [`bench::cli`].

fn main() -> std::process::ExitCode {
    bench::cli::main()
}
