use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::case::{PlanGroup, plan_groups, sourced};
use super::fields::Fields;
use super::load::{Loaded, load, viewed};
use super::{case_path, html};
use crate::report::board::{Comparison, compare};
use crate::store::board::Severity;
use crate::web::auth::SignedIn;
use crate::web::layout::Page;
use crate::web::{App, Error, routes};

#[derive(Template)]
#[template(path = "board/compare.html")]
struct ComparePage {
    page: Page,
    href: String,
    pseudonym: String,
    blind: bool,
    notice: Option<&'static str>,
    table: Option<Comparison>,
    /// One list per plan: what speaks against it, and what cannot be judged.
    against: Vec<Vec<Against>>,
    plans: Vec<PlanGroup>,
}

struct Against {
    strong: bool,
    text: String,
    source: String,
}

/// Two to four plans side by side; the numbers wait for the reader's vote in blind-first mode.
pub(super) async fn page(
    who: SignedIn,
    app: web::Data<App>,
    id: web::Path<String>,
    query: web::Query<Fields>,
) -> Result<HttpResponse, Error> {
    let loaded = load(&app, &who, &id).await?;
    viewed(&app, &who, &loaded, "compare").await?;
    let reference = query.get("reference");
    let mut ids: Vec<String> = query.all("plan").map(str::to_owned).collect();
    ids.sort_by_key(|id| id != reference);
    let table = loaded.view.as_ref().and_then(|view| compare(view, &ids));
    let asked = !ids.is_empty();
    let page = ComparePage {
        page: Page::new(format!("Plans for {}", loaded.case.pseudonym), Some(&who), routes::BOARD)
            .with_synthetic(loaded.synthetic),
        href: case_path(&loaded.case.id),
        pseudonym: loaded.case.pseudonym.clone(),
        blind: loaded.blind,
        notice: (asked && table.is_none() && !loaded.blind).then_some("Choose two, three or four plans of the list."),
        against: table.iter().flat_map(|table| &table.plans).map(|plan| against(&loaded, &plan.text)).collect(),
        table,
        plans: plan_groups(&loaded.plans, &|id| ids.iter().any(|chosen| chosen == id)),
    };
    html(StatusCode::OK, &page)
}

fn against(loaded: &Loaded, text: &str) -> Vec<Against> {
    loaded
        .findings
        .iter()
        .filter(|finding| finding.holds() && finding.concerns(text))
        .map(|finding| Against {
            strong: finding.rule.severity == Severity::Contraindicated,
            text: format!("{}: {}", finding.treatment.label, finding.rule.says),
            source: sourced(finding),
        })
        .collect()
}
