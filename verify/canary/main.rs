//! The stress for so many seconds, or until it finds something wrong: then it says so and fails.

mod stress;

use std::time::{Duration, Instant};

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10);
    let start = Instant::now();
    match stress::stress(|| start.elapsed() < Duration::from_secs(seconds)) {
        Ok(done) => println!("{} loads, {} stores, nothing wrong", done.loads, done.stores),
        Err(wrong) => {
            println!("after {:.1} s: {wrong}", start.elapsed().as_secs_f64());
            std::process::exit(1);
        }
    }
}
