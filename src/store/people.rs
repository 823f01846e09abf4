use super::{Error, Role, Store};

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Random, never shown.
    pub id: String,
    /// What is typed at sign-in.
    pub login: String,
    /// What pages call this person.
    pub display_name: String,
    /// What this person may do.
    pub role: Role,
}

/// A person as administrators see one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub person: Person,
    /// May not sign in.
    pub disabled: bool,
    /// Has a password.
    pub has_password: bool,
    /// Must choose a new password at the next sign-in.
    pub must_change: bool,
    /// Signs in by the identity provider.
    pub linked: bool,
    /// When the person was added, milliseconds since 1970.
    pub created_ms: i64,
}

/// Who is to be added.
#[derive(Debug, Clone)]
pub struct NewPerson<'a> {
    /// 2 to 64 of a-z, 0-9, dot, dash, underscore and @.
    pub login: &'a str,
    /// 1 to 100 characters.
    pub display_name: &'a str,
    /// What this person may do.
    pub role: Role,
}
