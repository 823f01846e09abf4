//! What an attacker tries, and what people do, against every route of the application.

mod forms;
mod people;
mod provider;
mod rights;
mod sessions;
