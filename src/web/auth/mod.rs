//! Who is asking: sessions, sign-in, set-up, the own password, and protection of forms.

mod cookie;
mod forms;
mod signed_in;

pub use forms::{Checked, HasCsrf};
pub use signed_in::SignedIn;
