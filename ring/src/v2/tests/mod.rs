//! The codec, and whole connections that speak v2.

mod client;
mod codec;
mod commits;
mod feeds;
mod guests;
mod hostile;
mod reads;
mod start;
mod subscribing;
mod watches;
