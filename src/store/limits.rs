/// Why a sign-in was refused before or after the password was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Login or password are wrong, or the account is disabled: never said which.
    Wrong,
    /// Too many failures: wait.
    Wait {
        /// Seconds until the next try is looked at.
        seconds: i64,
    },
}
