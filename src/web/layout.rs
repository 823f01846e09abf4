//! What every page says about itself and its reader, and the links that the reader may follow.

use askama::Template;

use super::auth::SignedIn;
use super::{Error, routes};
use crate::report::STYLE;
use crate::store::Right;

/// One link of the navigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavItem {
    /// Words.
    pub label: &'static str,
    /// Where it leads.
    pub href: &'static str,
    /// The page belongs to it.
    pub current: bool,
}

/// What every page says about itself and its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Title of window and page.
    pub title: String,
    /// The one style sheet.
    pub style: &'static str,
    /// What is said of invented patients.
    pub synthetic: Option<&'static str>,
    /// The line at the head of every printed page.
    pub running: String,
    /// Who is signed in.
    pub person: Option<String>,
    /// As what.
    pub role: Option<&'static str>,
    /// Links that this person may follow.
    pub nav: Vec<NavItem>,
    /// The token that every form carries in its field `csrf`.
    pub csrf: String,
    /// A demonstration, signed in without a password.
    pub demonstration: bool,
}

impl Page {
    /// A page for `signed_in`, or for nobody; `current` is the route of its entry in the navigation.
    #[must_use]
    pub fn new(title: impl Into<String>, signed_in: Option<&SignedIn>, current: &str) -> Self {
        let entries: [(&'static str, &'static str, Right); 5] = [
            ("Patients", routes::INDEX, Right::ReadPatients),
            ("Tumour board", routes::BOARD, Right::TakePartInBoard),
            ("Models", routes::MODELS, Right::InspectModels),
            ("People", routes::PEOPLE, Right::ManagePeople),
            ("Audit", routes::AUDIT, Right::ReadAudit),
        ];
        let may = |right| signed_in.is_some_and(|who| who.person.role.has(right));
        let nav = entries
            .into_iter()
            .filter(|(_, _, right)| may(*right))
            .map(|(label, href, _)| NavItem { label, href, current: href == current })
            .collect();
        Self {
            title: title.into(),
            style: STYLE,
            synthetic: None,
            running: format!("regimen {}", env!("CARGO_PKG_VERSION")),
            person: signed_in.map(|who| who.person.display_name.clone()),
            role: signed_in.map(|who| who.person.role.label()),
            nav,
            csrf: signed_in.map(|who| who.csrf.clone()).unwrap_or_default(),
            demonstration: signed_in.is_some_and(|who| who.demonstration),
        }
    }

    /// The page with a line that its patients are invented.
    #[must_use]
    pub fn with_synthetic(mut self, words: Option<&'static str>) -> Self {
        self.synthetic = words;
        self
    }
}

#[derive(Template)]
#[template(path = "web/navigation.html")]
struct Navigation {
    page: Page,
}

/// A page of `report`, which knows of no server, with the links of `signed_in` before its main part.
///
/// # Errors
/// [`Error::Page`] when the template cannot be filled.
pub fn with_navigation(page: &str, signed_in: &SignedIn, current: &str) -> Result<String, Error> {
    let navigation = Navigation { page: Page::new("", Some(signed_in), current) };
    let navigation = navigation.render().map_err(|source| Error::Page { source })?;
    Ok(page.replacen(MAIN, &format!("{navigation}{MAIN}"), 1))
}

/// Where the main part of every page begins; a test holds that pages of `report` have it.
const MAIN: &str = "<main id=\"main\"";
