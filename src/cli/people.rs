use super::CliError;
use super::database::Database;
use crate::store::{Account, HashedPassword, NewPerson, Role};

/// Who may sign in.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum PeopleVerb {
    /// List everybody
    List(List),
    /// Add a person and print the initial password, which must be changed at the first sign-in
    Add(Add),
    /// Let a person sign in no more and end every session, or let the person in again
    Disable(Disable),
    /// Set and print a new initial password, and end every session
    Reset(Reset),
}

/// Everybody.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    database: Database,
}

/// A new person.
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    #[command(flatten)]
    database: Database,
    /// Login: 2 to 64 of a-z, 0-9, dot, dash, underscore and @
    login: String,
    /// Name on pages [default: the login]
    #[arg(long)]
    name: Option<String>,
    /// Role: clinician, coordinator, data-scientist or administrator
    #[arg(long, value_parser = role)]
    role: Role,
}

/// An end, or a new beginning.
#[derive(Debug, clap::Args)]
pub(crate) struct Disable {
    #[command(flatten)]
    database: Database,
    /// Login
    login: String,
    /// Let the person sign in again
    #[arg(long)]
    undo: bool,
}

/// A new initial password.
#[derive(Debug, clap::Args)]
pub(crate) struct Reset {
    #[command(flatten)]
    database: Database,
    /// Login
    login: String,
}

/// Reads the word of a role.
pub(crate) fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "expected clinician, coordinator, data-scientist or administrator".to_owned())
}

fn line(account: &Account) -> String {
    let state = match (account.disabled, account.must_change) {
        (true, _) => "disabled",
        (false, true) => "initial password",
        (false, false) => "active",
    };
    let person = &account.person;
    format!("{:<24} {:<16} {:<17} {}", person.login, person.role.as_str(), state, person.display_name)
}

impl PeopleVerb {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        match self {
            Self::List(args) => args.database.with_existing(async |store| {
                for account in store.people().await? {
                    println!("{}", line(&account));
                }
                Ok(())
            }),
            Self::Add(args) => args.database.with(async |store| {
                let (password, hashed) = HashedPassword::initial()?;
                let display_name = args.name.as_deref().unwrap_or(&args.login);
                let new = NewPerson { login: &args.login, display_name, role: args.role };
                store.add_person(None, new, &hashed).await?;
                println!("{} added as {}", args.login, args.role.as_str());
                println!("initial password, to be changed at the first sign-in: {password}");
                Ok(())
            }),
            Self::Disable(args) => args.database.with_existing(async |store| {
                let id = store.account_of_login(&args.login).await?.person.id;
                store.set_disabled(None, &id, !args.undo).await?;
                println!(
                    "{} {}",
                    args.login,
                    if args.undo { "may sign in again" } else { "disabled, every session ended" }
                );
                Ok(())
            }),
            Self::Reset(args) => args.database.with_existing(async |store| {
                let id = store.account_of_login(&args.login).await?.person.id;
                let (password, hashed) = HashedPassword::initial()?;
                store.reset_password(None, &id, &hashed).await?;
                println!("initial password, to be changed at the next sign-in: {password}");
                Ok(())
            }),
        }
    }
}
