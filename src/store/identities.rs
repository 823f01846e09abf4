use serde_json::json;
use sha2::{Digest, Sha256};

use super::audit::{Entry, append};
use super::people::check_login;
use super::random::hex;
use super::{Action, Error, NewPerson, Person, Role, Store};

/// Somebody whom an identity provider vouches for.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// The provider's own, stable id of the person; the only thing that links an account.
    pub subject: &'a str,
    /// A wish for the login of a new account; an existing account of that login is never taken.
    pub login: Option<&'a str>,
    /// What pages call a new person.
    pub display_name: Option<&'a str>,
    /// The role that the provider names; it replaces the one before.
    pub role: Option<Role>,
    /// The role of a new person whom the provider names none for.
    pub default_role: Option<Role>,
}

impl Store {
    /// Begins a session for a vouched-for identity; an unknown one becomes a new person when it has a role.
    ///
    /// Where the provider names a role, it is the person's from now on.
    ///
    /// # Errors
    /// [`Error::NoPerson`] for an unknown identity without a role and for a disabled person.
    pub async fn sign_in_identity(&self, identity: Identity<'_>, before: Option<&str>) -> Result<String, Error> {
        let mut tx = self.write().await?;
        let row: Option<(String, String, String, String, i64)> = sqlx::query_as(
            "SELECT id, login, display_name, role, disabled FROM people WHERE oidc_issuer = $1 AND oidc_subject = $2",
        )
        .bind(identity.issuer)
        .bind(identity.subject)
        .fetch_optional(&mut *tx)
        .await?;
        let person = match row {
            Some((id, login, display_name, role, disabled)) => {
                let role = Role::parse(&role).ok_or(Error::Stored { table: "people", column: "role" })?;
                let mut person = Person { id, login, display_name, role };
                if disabled != 0 {
                    let entry = Entry {
                        who: None,
                        action: Action::SignInFailed,
                        subject: Some(&person.login),
                        detail: &json!({ "by": "identity provider" }),
                    };
                    append(self, &mut tx, entry).await?;
                    tx.commit().await?;
                    return Err(Error::NoPerson);
                }
                if let Some(named) = identity.role.filter(|named| *named != person.role) {
                    let detail = json!({ "role": named.as_str(), "by": "identity provider" });
                    let entry =
                        Entry { who: None, action: Action::RoleChanged, subject: Some(&person.login), detail: &detail };
                    append(self, &mut tx, entry).await?;
                    sqlx::query("UPDATE people SET role = $1 WHERE id = $2")
                        .bind(named.as_str())
                        .bind(&person.id)
                        .execute(&mut *tx)
                        .await?;
                    sqlx::query("DELETE FROM sessions WHERE person_id = $1").bind(&person.id).execute(&mut *tx).await?;
                    person.role = named;
                }
                person
            }
            None => {
                let role = identity.role.or(identity.default_role).ok_or(Error::NoPerson)?;
                let login = self.free_login(&mut tx, &identity).await?;
                let name = identity.display_name.filter(|name| !name.trim().is_empty()).unwrap_or(&login);
                let name: String = name.chars().filter(|letter| !letter.is_control()).take(100).collect();
                let detail = json!({ "role": role.as_str(), "by": "identity provider" });
                let entry = Entry { who: None, action: Action::PersonAdded, subject: Some(&login), detail: &detail };
                append(self, &mut tx, entry).await?;
                let new = NewPerson { login: &login, display_name: &name, role };
                let link = Some((identity.issuer, identity.subject));
                self.insert_person(&mut tx, new, None, false, link).await?
            }
        };
        let detail = json!({ "by": "identity provider" });
        append(self, &mut tx, Entry { who: Some(&person), action: Action::SignedIn, subject: None, detail: &detail })
            .await?;
        let token = self.replace_session(&mut tx, &person.id, before).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// Links an identity to the account of somebody who is signed in.
    ///
    /// # Errors
    /// [`Error::Taken`] when the identity belongs to somebody else.
    pub async fn link_identity(&self, person: &Person, issuer: &str, subject: &str) -> Result<(), Error> {
        let mut tx = self.write().await?;
        let entry = Entry { who: Some(person), action: Action::IdentityLinked, subject: None, detail: &json!({}) };
        append(self, &mut tx, entry).await?;
        let other: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM people WHERE oidc_issuer = $1 AND oidc_subject = $2 AND id <> $3")
                .bind(issuer)
                .bind(subject)
                .bind(&person.id)
                .fetch_one(&mut *tx)
                .await?;
        if other > 0 {
            return Err(Error::Taken);
        }
        sqlx::query("UPDATE people SET oidc_issuer = $1, oidc_subject = $2 WHERE id = $3")
            .bind(issuer)
            .bind(subject)
            .bind(&person.id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The wished login when it is well formed and free, else one made from the subject.
    async fn free_login(
        &self,
        tx: &mut sqlx::Transaction<'static, sqlx::Any>,
        identity: &Identity<'_>,
    ) -> Result<String, Error> {
        let wish = identity.login.map(str::to_lowercase).filter(|login| check_login(login).is_ok());
        if let Some(wish) = wish {
            let taken: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM people WHERE login = $1")
                .bind(&wish)
                .fetch_one(&mut **tx)
                .await?;
            if taken == 0 {
                return Ok(wish);
            }
        }
        let made = hex(&Sha256::digest(format!("{}\0{}", identity.issuer, identity.subject).as_bytes()));
        Ok(format!("oidc-{}", &made[..16]))
    }
}
