//! The REST API's router, asked as clients ask it.

mod problems;
mod rooms;
mod served;
mod support;
