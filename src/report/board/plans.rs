use crate::report::ReportView;

/// A plan of the report that may be voted for, compared and chosen; it holds no number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// `arm:…` for a trial arm, `before:…` for treatment before surgery, `after:…` for treatment after it.
    pub id: String,
    /// Label for people.
    pub label: String,
    /// Agents and remarks, by which contraindications recognise it.
    pub text: String,
    /// Heading under which it is listed.
    pub group: &'static str,
}

/// Every plan of `view`, in its order: trial arms that somebody of her subtype received, then options before and after
/// surgery that are open or may be.
#[must_use]
pub fn plans(view: &ReportView) -> Vec<Plan> {
    let mut found = Vec::new();
    if view.arms_shown {
        found.extend(view.options.iter().filter(|row| !row.not_given()).map(|row| Plan {
            id: format!("arm:{}", row.id),
            label: row.label.clone(),
            text: format!("{} {}", row.label, row.composition),
            group: "Arms of the trial",
        }));
    }
    let Some(decision) = &view.decision else { return found };
    found.extend(decision.neoadjuvant.iter().map(|row| &row.listed).map(|row| Plan {
        id: format!("before:{}", row.id),
        label: row.label.clone(),
        text: row.label.clone(),
        group: "Before surgery",
    }));
    for row in decision.branches.iter().flat_map(|branch| &branch.rows) {
        let id = format!("after:{}", row.listed.id);
        if found.iter().all(|plan| plan.id != id) {
            let text = row.listed.label.clone();
            found.push(Plan { id, label: row.listed.label.clone(), text, group: "After surgery" });
        }
    }
    found
}

/// The plan `id`; `None` when the report has none.
#[must_use]
pub fn plan(view: &ReportView, id: &str) -> Option<Plan> {
    plans(view).into_iter().find(|plan| plan.id == id)
}
