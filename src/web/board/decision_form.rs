use super::asked::Asked;
use super::fields::Fields;
use super::load::Loaded;
use crate::report::board::Plan;
use crate::report::view::OptionRow;
use crate::store::board::{DecisionBody, Deviation, Draft, Error, Expected, PlanName, Rejected, Severity, Words};

/// Lines for plans that were not chosen.
const REJECTED: usize = 5;

/// The decision form as fields.
pub(super) struct DecisionForm {
    pub(super) draft_version: i64,
    pub(super) chosen: PlanField,
    pub(super) rejected: Vec<RejectedField>,
    pub(super) deviations: Vec<(String, String, bool)>,
    pub(super) deviation_text: String,
    pub(super) attendees: String,
    pub(super) conditions: String,
    pub(super) trial: String,
    pub(super) follow_up_on: String,
    pub(super) reason: String,
}

/// A plan: one of the list, or own words.
pub(super) struct PlanField {
    pub(super) options: Vec<super::case::PlanGroup>,
    pub(super) own: String,
}

/// A plan that was not chosen.
pub(super) struct RejectedField {
    pub(super) number: usize,
    pub(super) plan: PlanField,
    pub(super) codes: Vec<(String, String, bool)>,
    pub(super) text: String,
}

/// The form for `body`, made from version `draft_version` of the draft.
pub(super) fn form_of(loaded: &Loaded, body: &DecisionBody, draft_version: i64, reason: &str) -> DecisionForm {
    let field = |name: &PlanName| PlanField {
        options: super::case::plan_groups(&loaded.plans, &|id| id == name.id),
        own: if name.id.is_empty() { name.label.clone() } else { String::new() },
    };
    let words = Words::standard();
    let codes = |list: &[crate::store::board::CodedWord], chosen: &str| {
        list.iter().map(|word| (word.code.clone(), word.label.clone(), word.code == chosen)).collect()
    };
    DecisionForm {
        draft_version,
        chosen: field(&body.chosen),
        rejected: (0..REJECTED.max(body.rejected.len()))
            .map(|at| {
                let known = body.rejected.get(at).cloned().unwrap_or_default();
                RejectedField {
                    number: at + 1,
                    plan: field(&known.plan),
                    codes: codes(&words.rejections, &known.code),
                    text: known.text,
                }
            })
            .collect(),
        deviations: codes(&words.deviations, &body.deviation.code),
        deviation_text: body.deviation.text.clone(),
        attendees: body.attendees.join("\n"),
        conditions: body.conditions.clone(),
        trial: body.trial.clone(),
        follow_up_on: body.follow_up_on.map(|day| day.to_string()).unwrap_or_default(),
        reason: reason.to_owned(),
    }
}

/// What was typed as a decision, without what the server adds.
///
/// # Errors
/// [`Error::Invalid`] for a day that is none.
pub(super) fn body_of(loaded: &Loaded, form: &Fields) -> Result<DecisionBody, Error> {
    let day = form.get("follow_up_on").trim();
    let follow_up_on = crate::store::board::Day::parse(day);
    if follow_up_on.is_none() && !day.is_empty() {
        return Err(Error::invalid("follow_up_on", "A day as YYYY-MM-DD."));
    }
    Ok(typed(loaded, form, follow_up_on))
}

/// What was typed, with a day that is none left out: for showing the form again.
pub(super) fn typed(loaded: &Loaded, form: &Fields, follow_up_on: Option<crate::store::board::Day>) -> DecisionBody {
    let plan = |id: &str, own: &str| {
        let own = own.trim();
        match loaded.plans.iter().find(|plan| plan.id == id).filter(|_| own.is_empty()) {
            Some(plan) => PlanName { id: plan.id.clone(), label: plan.label.clone() },
            None => PlanName { id: String::new(), label: own.to_owned() },
        }
    };
    let rejected = (1..=REJECTED)
        .map(|n| Rejected {
            plan: plan(form.get(&format!("rejected.{n}")), form.get(&format!("rejected_own.{n}"))),
            code: form.get(&format!("rejected_code.{n}")).to_owned(),
            text: form.get(&format!("rejected_text.{n}")).to_owned(),
        })
        .filter(|rejected| *rejected != Rejected::default())
        .collect();
    DecisionBody {
        chosen: plan(form.get("chosen"), form.get("chosen_own")),
        rejected,
        deviation: Deviation { code: form.get("deviation").to_owned(), text: form.get("deviation_text").to_owned() },
        attendees: form.get("attendees").lines().map(|line| line.trim().to_owned()).collect(),
        conditions: form.get("conditions").to_owned(),
        trial: form.get("trial").to_owned(),
        follow_up_on,
        ..DecisionBody::default()
    }
}

/// `body` with what the server knows when it is signed: expectations, warnings, missing items, models.
pub(super) fn completed(loaded: &Loaded, mut body: DecisionBody) -> DecisionBody {
    let view = loaded.for_the_record();
    let arm = |row: &&OptionRow| format!("arm:{}", row.id) == body.chosen.id;
    body.expected = view
        .and_then(|view| view.options.iter().find(arm))
        .and_then(|row| row.estimate.as_ref())
        .map(|estimate| Expected {
            outcome: "pcr".to_owned(),
            probability: estimate.estimate,
            lower95: estimate.lower95,
            upper95: estimate.upper95,
        })
        .into_iter()
        .collect();
    let listed: Option<&Plan> = loaded.plans.iter().find(|plan| plan.id == body.chosen.id);
    let text = listed.map_or(body.chosen.label.as_str(), |plan| plan.text.as_str());
    body.warnings = loaded
        .findings
        .iter()
        .filter(|finding| finding.holds() && finding.concerns(text))
        .map(|finding| {
            let weight = match finding.rule.severity {
                Severity::Contraindicated => "Contraindicated",
                Severity::Caution => "Caution",
            };
            format!("{weight}: {}. {}", finding.treatment.label, finding.rule.says)
        })
        .collect();
    body.missing = loaded.completeness.missing().map(|standing| standing.item.label.clone()).collect();
    body.models = view
        .map(|view| {
            view.models.iter().map(|model| format!("{} {} {}", model.name, model.version, model.sha256)).collect()
        })
        .unwrap_or_default();
    body
}

/// What another person saved meanwhile, in lines, for the page that shows both.
pub(super) fn lines(body: &DecisionBody) -> Vec<(&'static str, String)> {
    let words = Words::standard();
    let rejected: Vec<String> = body
        .rejected
        .iter()
        .map(|one| {
            let text = if one.text.is_empty() { String::new() } else { format!(" ({})", one.text) };
            format!("{} \u{2014} {}{text}", one.plan.label, words.rejection(&one.code))
        })
        .collect();
    let deviation = match body.deviation.text.as_str() {
        "" => words.deviation(&body.deviation.code).to_owned(),
        text => format!("{} \u{2014} {text}", words.deviation(&body.deviation.code)),
    };
    vec![
        ("Chosen plan", body.chosen.label.clone()),
        ("Considered and not chosen", rejected.join("\n")),
        ("Deviation", deviation),
        ("Conditions", body.conditions.clone()),
        ("Trial", body.trial.clone()),
        ("Follow-up on", body.follow_up_on.map(|day| day.to_string()).unwrap_or_default()),
        ("Present", body.attendees.join(", ")),
    ]
}

/// The form to show: what was typed, else the draft, else the last signed version.
pub(super) fn shown(loaded: &Loaded, asked: &Asked, draft: &Draft, last: Option<&DecisionBody>) -> DecisionForm {
    if asked.notice.is_some() {
        let day = crate::store::board::Day::parse(asked.typed.get("follow_up_on").trim());
        let body = typed(loaded, &asked.typed, day);
        let mut form = form_of(loaded, &body, draft.version, asked.typed.get("amendment"));
        form.follow_up_on = asked.typed.get("follow_up_on").to_owned();
        return form;
    }
    let empty = DecisionBody::default();
    let body = draft.body.as_ref().or(last).unwrap_or(&empty);
    form_of(loaded, body, draft.version, "")
}
