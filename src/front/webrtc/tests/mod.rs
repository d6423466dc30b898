//! Whole conversations on simulated time and bad networks, and abuse.

mod abuse;
mod call;
mod publish;
mod talk;
mod watch;
