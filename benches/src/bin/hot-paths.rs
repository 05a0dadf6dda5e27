//! Runs one hot path of the store, for callgrind to count its instructions.
//!
//! ```text
//! hot-paths            names all, each with how often it runs under the count
//! hot-paths NAME       runs one
//! ```

use std::process::ExitCode;

use myriad_benches::hot::ALL;

fn main() -> ExitCode {
    let Some(wanted) = std::env::args().nth(1) else {
        for hot in &ALL {
            println!("{} {}", hot.name, hot.ops);
        }
        return ExitCode::SUCCESS;
    };
    let Some(hot) = ALL.iter().find(|hot| hot.name == wanted) else {
        eprintln!("hot-paths: there is no {wanted}; without an argument it names all");
        return ExitCode::FAILURE;
    };
    hot.run();
    ExitCode::SUCCESS
}
