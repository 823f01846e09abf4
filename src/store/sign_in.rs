use std::net::IpAddr;

use serde_json::json;
use sqlx::{Any, Transaction};

use super::audit::{Entry, append};
use super::limits::{MAX_ADDRESS_FAILURES, MAX_FAILURES, address_key, login_key};
use super::sessions::token_hash;
use super::{Action, Error, HashedPassword, NewPerson, Person, Refusal, Role, Store, password};

/// A try to sign in, already counted; its password has not been looked at.
#[derive(Debug)]
pub struct SignInTry {
    login: String,
    address: String,
    stored: Option<String>,
    person: Option<Person>,
}

/// A try whose password was looked at.
#[derive(Debug)]
pub struct SignInAnswer {
    tried: SignInTry,
    right: bool,
}

impl SignInTry {
    /// Looks at the password, in the same time whether or not the login is known. Call it on a blocking thread.
    #[must_use]
    pub fn look_at(self, password: &str) -> SignInAnswer {
        let right = password::verify(password, self.stored.as_deref()) && self.person.is_some();
        SignInAnswer { tried: self, right }
    }
}

impl Store {
    /// Counts a try of `login` from `address` and reads what it is to be compared with.
    ///
    /// Unknown logins are counted and wait like known ones.
    ///
    /// # Errors
    /// [`Error::Database`] when the database does not answer.
    pub async fn begin_sign_in(&self, login: &str, address: IpAddr) -> Result<Result<SignInTry, Refusal>, Error> {
        let (login, address) = (login.trim().to_lowercase().replace('\0', " "), address_key(address));
        let mut tx = self.write().await?;
        // An address that waits does not count against a login.
        for (key, allowed) in [(&address, MAX_ADDRESS_FAILURES), (&login_key(&login), MAX_FAILURES)] {
            if let Some(seconds) = self.count_try(&mut tx, key, allowed).await? {
                tx.commit().await?;
                return Ok(Err(Refusal::Wait { seconds }));
            }
        }
        let row: Option<(String, String, String, Option<String>)> = sqlx::query_as(
            "SELECT id, display_name, role, password_hash FROM people WHERE login = $1 AND disabled = 0",
        )
        .bind(&login)
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        let (person, stored) = match row {
            None => (None, None),
            Some((id, display_name, role, stored)) => {
                let role = Role::parse(&role).ok_or(Error::Stored { table: "people", column: "role" })?;
                (Some(Person { id, login: login.clone(), display_name, role }), stored)
            }
        };
        Ok(Ok(SignInTry { login, address, stored, person }))
    }

    /// Begins a session when the password was right, and records either way; `before` is the token of an older session,
    /// which ends.
    ///
    /// # Errors
    /// [`Error::Database`] when the database does not answer.
    pub async fn finish_sign_in(
        &self,
        answer: SignInAnswer,
        before: Option<&str>,
    ) -> Result<Result<String, Refusal>, Error> {
        let mut tx = self.write().await?;
        let Some(person) = self.accept(&mut tx, answer).await? else {
            tx.commit().await?;
            return Ok(Err(Refusal::Wrong));
        };
        let entry = Entry { who: Some(&person), action: Action::SignedIn, subject: None, detail: &json!({}) };
        append(self, &mut tx, entry).await?;
        let token = self.replace_session(&mut tx, &person.id, before).await?;
        tx.commit().await?;
        Ok(Ok(token))
    }

    /// Who this is, when the password was right and still is; else the failure is recorded.
    async fn accept(&self, tx: &mut Transaction<'static, Any>, answer: SignInAnswer) -> Result<Option<Person>, Error> {
        let SignInAnswer { tried, right } = answer;
        if let Some(person) = tried.person.as_ref().filter(|_| right) {
            // Disabled or changed since the password was read: the older answer no longer counts.
            let now: Option<Option<String>> =
                sqlx::query_scalar("SELECT password_hash FROM people WHERE id = $1 AND disabled = 0")
                    .bind(&person.id)
                    .fetch_optional(&mut **tx)
                    .await?;
            if now.flatten() == tried.stored {
                self.forget_failures(tx, &tried.login).await?;
                self.forgive_address(tx, &tried.address).await?;
                return Ok(tried.person);
            }
        }
        // An unknown login is not written down: it may be a password in the wrong field.
        let subject = tried.person.as_ref().map(|person| person.login.as_str());
        let failures: Option<i64> = sqlx::query_scalar("SELECT failures FROM attempts WHERE subject = $1")
            .bind(login_key(&tried.login))
            .fetch_optional(&mut **tx)
            .await?;
        let locked = failures.is_some_and(|failures| failures >= MAX_FAILURES);
        let action = if locked { Action::LockedOut } else { Action::SignInFailed };
        append(self, tx, Entry { who: None, action, subject, detail: &json!({}) }).await?;
        Ok(None)
    }

    /// Changes the own password when the current one was right, ends every session of this person and begins a new one.
    ///
    /// # Errors
    /// [`Error::Database`] when the database does not answer.
    pub async fn change_password(
        &self,
        person: &Person,
        current: SignInAnswer,
        new: &HashedPassword,
    ) -> Result<Result<String, Refusal>, Error> {
        let mut tx = self.write().await?;
        if self.accept(&mut tx, current).await?.is_none_or(|found| found.id != person.id) {
            tx.commit().await?;
            return Ok(Err(Refusal::Wrong));
        }
        let entry = Entry { who: Some(person), action: Action::PasswordChanged, subject: None, detail: &json!({}) };
        append(self, &mut tx, entry).await?;
        sqlx::query("UPDATE people SET password_hash = $1, must_change = 0 WHERE id = $2")
            .bind(&new.0)
            .bind(&person.id)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM sessions WHERE person_id = $1").bind(&person.id).execute(&mut *tx).await?;
        let token = self.begin_session(&mut tx, &person.id).await?;
        tx.commit().await?;
        Ok(Ok(token))
    }

    /// Ends the session of `token`.
    ///
    /// # Errors
    /// [`Error::Database`] when the database does not answer.
    pub async fn sign_out(&self, person: &Person, token: &str) -> Result<(), Error> {
        let mut tx = self.write().await?;
        let entry = Entry { who: Some(person), action: Action::SignedOut, subject: None, detail: &json!({}) };
        append(self, &mut tx, entry).await?;
        sqlx::query("DELETE FROM sessions WHERE token_hash = $1").bind(token_hash(token)).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A one-time code with which the first administrator is made; `None` once there are people. It is good for a day.
    ///
    /// # Errors
    /// [`Error::Database`] when the database does not answer.
    pub async fn setup_code(&self) -> Result<Option<String>, Error> {
        if self.has_people().await? {
            return Ok(None);
        }
        let (code, _) = HashedPassword::initial()?;
        self.put_flow(&setup_key(&code), "", SETUP_MS).await?;
        Ok(Some(code))
    }

    /// Makes the first administrator, when `code` is one that [`Store::setup_code`] gave, and begins a session.
    ///
    /// # Errors
    /// [`Error::SetupCode`] for any other code and once there are people; [`Error::Login`] and [`Error::Name`].
    pub async fn set_up(
        &self,
        code: &str,
        login: &str,
        display_name: &str,
        password: &HashedPassword,
    ) -> Result<(Person, String), Error> {
        let mut tx = self.write().await?;
        // The entry first: it holds the log's lock, so that two set-ups at once queue up.
        let entry = Entry { who: None, action: Action::SetUp, subject: Some(login), detail: &json!({}) };
        append(self, &mut tx, entry).await?;
        let people: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM people").fetch_one(&mut *tx).await?;
        if people > 0 || self.take_flow_in(&mut tx, &setup_key(code.trim())).await?.is_none() {
            return Err(Error::SetupCode);
        }
        let new = NewPerson { login, display_name, role: Role::Administrator };
        let person = self.insert_person(&mut tx, new, Some(password), false, None).await?;
        let token = self.begin_session(&mut tx, &person.id).await?;
        tx.commit().await?;
        Ok((person, token))
    }
}

/// How long a set-up code is good, milliseconds.
const SETUP_MS: i64 = 24 * 60 * 60 * 1000;

fn setup_key(code: &str) -> String {
    format!("setup {code}")
}
