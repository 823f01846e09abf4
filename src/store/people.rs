use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::audit::{Entry, append};
use super::{Action, Error, HashedPassword, Role, Store, new_id};

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
#[derive(Debug, Clone, Copy)]
pub struct NewPerson<'a> {
    /// 2 to 64 of a-z, 0-9, dot, dash, underscore and @.
    pub login: &'a str,
    /// 1 to 100 characters.
    pub display_name: &'a str,
    /// What this person may do.
    pub role: Role,
}

/// Every column of a person, in the order of [`account`].
const COLUMNS: &str = "id, login, display_name, role, disabled, must_change, created_ms, \
     CASE WHEN password_hash IS NULL THEN 0 ELSE 1 END, CASE WHEN oidc_subject IS NULL THEN 0 ELSE 1 END";

fn account(row: &AnyRow) -> Result<Account, Error> {
    let flag = |index: usize| row.try_get::<i64, _>(index).map(|value| value != 0);
    let role: String = row.try_get(3)?;
    let role = Role::parse(&role).ok_or(Error::Stored { table: "people", column: "role" })?;
    Ok(Account {
        person: Person { id: row.try_get(0)?, login: row.try_get(1)?, display_name: row.try_get(2)?, role },
        disabled: flag(4)?,
        must_change: flag(5)?,
        created_ms: row.try_get(6)?,
        has_password: flag(7)?,
        linked: flag(8)?,
    })
}

/// Checks a login: 2 to 64 of a-z, 0-9, dot, dash, underscore and @.
///
/// # Errors
/// [`Error::Login`] with the broken rule.
pub(super) fn check_login(login: &str) -> Result<(), Error> {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_@".contains(&byte);
    if !(2..=64).contains(&login.len()) {
        Err(Error::Login { rule: "expected 2 to 64 characters" })
    } else if !login.bytes().all(fine) {
        Err(Error::Login { rule: "expected a-z, 0-9, dot, dash, underscore or @" })
    } else {
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    if name.trim().is_empty() || name.chars().count() > 100 {
        Err(Error::Name { rule: "expected 1 to 100 characters" })
    } else if name.chars().any(char::is_control) {
        Err(Error::Name { rule: "expected no control characters" })
    } else {
        Ok(())
    }
}

impl Store {
    /// True once there is anybody.
    ///
    /// # Errors
    /// [`Error::Database`] when the database does not answer.
    pub async fn has_people(&self) -> Result<bool, Error> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM people").fetch_one(&self.pool).await?;
        Ok(count > 0)
    }

    /// Everybody, by login.
    ///
    /// # Errors
    /// [`Error::Database`] when the database does not answer.
    pub async fn people(&self) -> Result<Vec<Account>, Error> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM people ORDER BY login"));
        let rows = sqlx::query(sql).fetch_all(&self.pool).await?;
        rows.iter().map(account).collect()
    }

    /// The person with this id.
    ///
    /// # Errors
    /// [`Error::NoPerson`] when there is none.
    pub async fn account(&self, id: &str) -> Result<Account, Error> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM people WHERE id = $1"));
        let row = sqlx::query(sql).bind(id).fetch_optional(&self.pool).await?;
        account(&row.ok_or(Error::NoPerson)?)
    }

    /// The person with this login.
    ///
    /// # Errors
    /// [`Error::NoPerson`] when there is none.
    pub async fn account_of_login(&self, login: &str) -> Result<Account, Error> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM people WHERE login = $1"));
        let row = sqlx::query(sql).bind(login).fetch_optional(&self.pool).await?;
        account(&row.ok_or(Error::NoPerson)?)
    }

    /// Adds a person whose initial password must be changed at the first sign-in; `by` is nobody on the command line.
    ///
    /// # Errors
    /// [`Error::Login`], [`Error::Name`] and [`Error::Taken`].
    pub async fn add_person(
        &self,
        by: Option<&Person>,
        new: NewPerson<'_>,
        initial: &HashedPassword,
    ) -> Result<Person, Error> {
        let mut tx = self.write().await?;
        let detail = json!({ "role": new.role.as_str() });
        append(
            self,
            &mut tx,
            Entry { who: by, action: Action::PersonAdded, subject: Some(new.login), detail: &detail },
        )
        .await?;
        let person = self.insert_person(&mut tx, new, Some(initial), true, None).await?;
        tx.commit().await?;
        Ok(person)
    }

    /// Inserts a person; the caller has appended the audit entry, and with it holds the log's lock.
    pub(super) async fn insert_person(
        &self,
        tx: &mut Transaction<'static, Any>,
        new: NewPerson<'_>,
        password: Option<&HashedPassword>,
        must_change: bool,
        identity: Option<(&str, &str)>,
    ) -> Result<Person, Error> {
        check_login(new.login)?;
        check_name(new.display_name)?;
        let taken: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM people WHERE login = $1")
            .bind(new.login)
            .fetch_one(&mut **tx)
            .await?;
        if taken > 0 {
            return Err(Error::Taken);
        }
        let person = Person {
            id: new_id(),
            login: new.login.to_owned(),
            display_name: new.display_name.trim().to_owned(),
            role: new.role,
        };
        sqlx::query(
            "INSERT INTO people (id, login, display_name, role, password_hash, must_change, oidc_issuer, oidc_subject, \
             disabled, created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)",
        )
        .bind(&person.id)
        .bind(&person.login)
        .bind(&person.display_name)
        .bind(person.role.as_str())
        .bind(password.map(|hashed| hashed.0.as_str()))
        .bind(i64::from(must_change))
        .bind(identity.map(|(issuer, _)| issuer))
        .bind(identity.map(|(_, subject)| subject))
        .bind(self.now_ms())
        .execute(&mut **tx)
        .await?;
        Ok(person)
    }

    /// Lets a person sign in no more, and ends every session; or lets the person sign in again.
    ///
    /// # Errors
    /// [`Error::NoPerson`], [`Error::LastAdministrator`], and [`Error::Own`] for one's own account.
    pub async fn set_disabled(&self, by: Option<&Person>, id: &str, disabled: bool) -> Result<(), Error> {
        let action = if disabled { Action::PersonDisabled } else { Action::PersonEnabled };
        let (mut tx, _) = self.change(by, id, action, json!({})).await?;
        sqlx::query("UPDATE people SET disabled = $1 WHERE id = $2")
            .bind(i64::from(disabled))
            .bind(id)
            .execute(&mut *tx)
            .await?;
        self.keep_an_administrator(&mut tx).await?;
        self.finish_change(tx, id).await
    }

    /// Changes what a person may do, and ends every session.
    ///
    /// # Errors
    /// As [`Store::set_disabled`].
    pub async fn set_role(&self, by: Option<&Person>, id: &str, role: Role) -> Result<(), Error> {
        let (mut tx, _) = self.change(by, id, Action::RoleChanged, json!({ "role": role.as_str() })).await?;
        sqlx::query("UPDATE people SET role = $1 WHERE id = $2").bind(role.as_str()).bind(id).execute(&mut *tx).await?;
        self.keep_an_administrator(&mut tx).await?;
        self.finish_change(tx, id).await
    }

    /// Sets a new initial password, which must be changed at the next sign-in, and ends every session.
    ///
    /// # Errors
    /// As [`Store::set_disabled`].
    pub async fn reset_password(&self, by: Option<&Person>, id: &str, initial: &HashedPassword) -> Result<(), Error> {
        let (mut tx, account) = self.change(by, id, Action::PasswordReset, json!({})).await?;
        sqlx::query("UPDATE people SET password_hash = $1, must_change = 1 WHERE id = $2")
            .bind(&initial.0)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        self.forget_failures(&mut tx, &account.person.login).await?;
        self.finish_change(tx, id).await
    }

    /// Ends every session of a person.
    ///
    /// # Errors
    /// [`Error::NoPerson`] when there is none.
    pub async fn end_sessions(&self, by: Option<&Person>, id: &str) -> Result<(), Error> {
        let login = self.account(id).await?.person.login;
        let mut tx = self.write().await?;
        let entry = Entry { who: by, action: Action::SignedOutEverywhere, subject: Some(&login), detail: &json!({}) };
        append(self, &mut tx, entry).await?;
        self.finish_change(tx, id).await
    }

    /// Begins a change of somebody else's account: records it, and holds the log's lock, so that changes queue up.
    async fn change(
        &self,
        by: Option<&Person>,
        id: &str,
        action: Action,
        detail: serde_json::Value,
    ) -> Result<(Transaction<'static, Any>, Account), Error> {
        if by.is_some_and(|by| by.id == id) {
            return Err(Error::Own);
        }
        let account = self.account(id).await?;
        let mut tx = self.write().await?;
        let entry = Entry { who: by, action, subject: Some(&account.person.login), detail: &detail };
        append(self, &mut tx, entry).await?;
        Ok((tx, account))
    }

    /// Refuses a change that leaves nobody who may manage people.
    async fn keep_an_administrator(&self, tx: &mut Transaction<'static, Any>) -> Result<(), Error> {
        let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM people WHERE role = $1 AND disabled = 0")
            .bind(Role::Administrator.as_str())
            .fetch_one(&mut **tx)
            .await?;
        if left == 0 { Err(Error::LastAdministrator) } else { Ok(()) }
    }

    /// Ends the sessions of `id` and commits.
    async fn finish_change(&self, mut tx: Transaction<'static, Any>, id: &str) -> Result<(), Error> {
        sqlx::query("DELETE FROM sessions WHERE person_id = $1").bind(id).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_hold_nothing_that_needs_escaping() {
        for good in ["ab", "anna.example-clinic", "a_1", "anna@clinic.example"] {
            assert!(check_login(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "Anna", "a b", "a'--", "añ", "a/b", &"a".repeat(65), "<script>", "a\n"] {
            assert!(check_login(bad).is_err(), "{bad}");
        }
    }
}
