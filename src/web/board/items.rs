use actix_web::{HttpResponse, web};
use askama::Template;

use super::asked::Asked;
use super::fields::Fields;
use super::item_fields::{ItemGroup, groups, new_entries};
use super::load::{Loaded, load, viewed};
use super::{case, case_path, html, see};
use crate::web::auth::{Checked, SignedIn};
use crate::web::layout::Page;
use crate::web::{App, Error, routes};

#[derive(Template)]
#[template(path = "board/items.html")]
struct ItemsPage {
    page: Page,
    case_href: String,
    pseudonym: String,
    notice: Option<String>,
    score: String,
    open: bool,
    groups: Vec<ItemGroup>,
}

/// Every item of a case, to read and to change.
pub(super) async fn page(who: SignedIn, app: web::Data<App>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    let loaded = load(&app, &who, &id).await?;
    viewed(&app, &who, &loaded, "items").await?;
    render(&who, &loaded, &Asked::default())
}

/// Takes the entries of a form; the page of origin is shown again when one is refused.
pub(super) async fn save(
    who: SignedIn,
    app: web::Data<App>,
    id: web::Path<String>,
    form: Checked<Fields>,
) -> Result<HttpResponse, Error> {
    let loaded = load(&app, &who, &id).await?;
    let taken = app.store().add_entries(&who.person, &loaded.case.id, &new_entries(&form)).await;
    match taken {
        Ok(()) => see(&format!("{}#items", case_path(&loaded.case.id))),
        Err(error) => {
            let asked = Asked::after(error, form.0)?;
            viewed(&app, &who, &loaded, "items").await?;
            if asked.typed.get("from") == "case" {
                return case::render(&app, &who, loaded, &asked).await;
            }
            render(&who, &loaded, &asked)
        }
    }
}

fn render(who: &SignedIn, loaded: &Loaded, asked: &Asked) -> Result<HttpResponse, Error> {
    let case = &loaded.case;
    let page = ItemsPage {
        page: Page::new(format!("Items of {}", case.pseudonym), Some(who), routes::BOARD)
            .with_synthetic(loaded.synthetic),
        case_href: case_path(&case.id),
        pseudonym: case.pseudonym.clone(),
        notice: asked.notice.clone(),
        score: case::score(&loaded.completeness),
        open: loaded.is_open(),
        groups: groups(&loaded.completeness, asked, false),
    };
    html(asked.status(), &page)
}
