//! Workers: threads that each own some connections outright.
mod bell;
mod outbox;
mod poll;
