use actix_web::{HttpResponse, web};
use askama::Template;

use super::asked::Asked;
use super::item_fields::{ItemGroup, groups};
use super::load::{Loaded, load, plain, report, viewed};
use super::{case_path, decision_path, html, meeting_path};
use crate::report::board::Plan;
use crate::store::Right;
use crate::store::board::{
    Case, CaseState, Cause, Completeness, Day, Finding, FromRecord, ItemList, OutcomeKind, Severity, instant_text,
};
use crate::web::auth::SignedIn;
use crate::web::layout::Page;
use crate::web::{App, Error, routes};

#[derive(Template)]
#[template(path = "board/case.html")]
struct CasePage {
    page: Page,
    notice: Option<String>,
    href: String,
    report_href: String,
    pseudonym: String,
    subtype: &'static str,
    question: String,
    steps: Vec<(&'static str, bool)>,
    complex: bool,
    blind_mode: bool,
    version: i64,
    open: bool,
    runs: bool,
    moves: Vec<(&'static str, &'static str)>,
    reason: String,
    may_schedule: bool,
    may_postpone: bool,
    meetings: Vec<(String, String)>,
    meeting: Option<(String, String)>,
    score: String,
    n_required: usize,
    n_answered: usize,
    complete: bool,
    conflicts: Vec<String>,
    missing: Vec<ItemGroup>,
    findings: Vec<Against>,
    open_rules: Vec<String>,
    blind: bool,
    no_report: bool,
    answer: Option<String>,
    plans: Vec<PlanGroup>,
    own_plan: String,
    vote_reason: String,
    errors: Vec<String>,
    votes: Vec<Said>,
    n_votes: String,
    voted: bool,
    comments: Vec<Said>,
    comment: String,
    may_decide: bool,
    draft: Option<String>,
    decisions: Vec<(String, String)>,
    damages: Vec<String>,
    outcome_kinds: Vec<Choices>,
    outcome_note: String,
    outcome_day: String,
    outcomes: Vec<Said>,
    timeline: Vec<(String, String)>,
}

/// A contraindication or caution that holds.
pub(super) struct Against {
    pub(super) treatment: String,
    pub(super) contraindicated: bool,
    pub(super) says: String,
    pub(super) source: String,
}

/// Plans under one heading: id, label, chosen.
pub(super) struct PlanGroup {
    pub(super) heading: &'static str,
    pub(super) plans: Vec<(String, String, bool)>,
}

struct Said {
    what: String,
    note: String,
    who: String,
    at: String,
}

struct Choices {
    code: &'static str,
    label: &'static str,
    values: &'static [&'static str],
}

/// The score in words.
pub(super) fn score(found: &Completeness) -> String {
    format!("{} of {} required items answered", found.n_answered(), found.n_required())
}

/// The completeness of a case, for lists.
pub(super) async fn completeness(app: &App, one: &Case) -> Result<Completeness, Error> {
    let entries = app.store().entries(&one.id).await.map_err(plain)?;
    let view = report(app, &one.pseudonym).await;
    Ok(Completeness::judge(&entries, |item| -> Option<FromRecord> {
        view.as_ref().and_then(|view| super::load::from_record(&view.inputs, item))
    }))
}

/// The rules that hold, contraindications first.
pub(super) fn against(findings: &[Finding]) -> Vec<Against> {
    findings
        .iter()
        .filter(|finding| finding.holds())
        .map(|finding| Against {
            treatment: finding.treatment.label.clone(),
            contraindicated: finding.rule.severity == Severity::Contraindicated,
            says: finding.rule.says.clone(),
            source: sourced(finding),
        })
        .collect()
}

/// The source with whether it was read.
pub(super) fn sourced(finding: &Finding) -> String {
    let mark = if finding.rule.verified { "read in the source" } else { "recalled, check before relying on it" };
    format!("{} [{mark}]", finding.rule.source)
}

/// Plans in groups, with `chosen` marked.
pub(super) fn plan_groups(plans: &[Plan], chosen: &dyn Fn(&str) -> bool) -> Vec<PlanGroup> {
    let mut groups: Vec<PlanGroup> = Vec::new();
    for plan in plans {
        let line = (plan.id.clone(), plan.label.clone(), chosen(&plan.id));
        match groups.iter_mut().find(|group| group.heading == plan.group) {
            Some(group) => group.plans.push(line),
            None => groups.push(PlanGroup { heading: plan.group, plans: vec![line] }),
        }
    }
    groups
}

/// Everything about one case on one page.
pub(super) async fn page(who: SignedIn, app: web::Data<App>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    let loaded = load(&app, &who, &id).await?;
    viewed(&app, &who, &loaded, "case").await?;
    render(&app, &who, loaded, &Asked::default()).await
}

/// The page after a form that was not taken, or without one; the view must be on the audit log already.
pub(super) async fn render(app: &App, who: &SignedIn, loaded: Loaded, asked: &Asked) -> Result<HttpResponse, Error> {
    let store = app.store();
    let case = &loaded.case;
    let moves = store.case_moves(&case.id).await.map_err(plain)?;
    let votes = store.votes(&case.id).await.map_err(plain)?;
    let comments = store.comments(&case.id).await.map_err(plain)?;
    let decisions = store.decisions(&case.id).await.map_err(plain)?;
    let outcomes = store.outcomes(&case.id).await.map_err(plain)?;
    let draft = store.draft(&case.id).await.map_err(plain)?;
    let damages = store.verify_decisions(Some(&case.id)).await.map_err(plain)?;
    let meetings = store.meetings().await.map_err(plain)?;
    let today = Day::of_ms(store.now_ms());
    let named = |meeting: &crate::store::board::Meeting| format!("{} {}", meeting.held_on, meeting.title);
    let voted = votes.iter().any(|vote| vote.who_id == who.person.id);
    let mut timeline: Vec<(i64, String)> = vec![(case.opened_ms, format!("Opened by {}", case.opened_by))];
    timeline.extend(moves.iter().map(|step| {
        let why = if step.reason.is_empty() { String::new() } else { format!(" ({})", step.reason) };
        (step.at_ms, format!("{} \u{2192} {}, {}{why}", step.from.label(), step.to.label(), step.who))
    }));
    timeline.extend(votes.iter().map(|vote| (vote.at_ms, format!("{} voted", vote.who))));
    timeline.extend(
        decisions.iter().map(|one| (one.signed_ms, format!("Version {} signed by {}", one.version, one.signer))),
    );
    timeline.extend(
        outcomes
            .0
            .iter()
            .map(|one| (one.at_ms, format!("{}: {} ({}), {}", one.kind.label(), one.value, one.dated_on, one.who))),
    );
    timeline.sort_by_key(|(at, _)| *at);
    let item_label = |id: &String| ItemList::standard().find(id).map_or_else(|| id.clone(), |item| item.label.clone());
    let runs = who.person.role.has(Right::RunBoard);
    let page = CasePage {
        page: Page::new(format!("{} \u{2014} tumour board", case.pseudonym), Some(who), routes::BOARD)
            .with_synthetic(loaded.synthetic),
        notice: asked.notice.clone(),
        href: case_path(&case.id),
        report_href: routes::report_path(&case.pseudonym),
        pseudonym: case.pseudonym.clone(),
        subtype: loaded.subtype,
        question: case.question.clone(),
        steps: CaseState::ALL.into_iter().map(|state| (state.label(), state == case.state)).collect(),
        complex: case.complexity == crate::store::board::Complexity::Complex,
        blind_mode: case.blind,
        version: case.version,
        open: loaded.is_open(),
        runs,
        moves: case.state.by_hand().into_iter().map(|to| (to.as_str(), to.label())).collect(),
        reason: asked.value("reason", ""),
        may_schedule: case.state.cause_of(CaseState::Scheduled) == Some(Cause::Agenda),
        may_postpone: matches!(case.state, CaseState::Scheduled | CaseState::Discussed),
        meetings: meetings
            .iter()
            .filter(|meeting| meeting.held_on >= today)
            .map(|meeting| (meeting.id.clone(), named(meeting)))
            .collect(),
        meeting: meetings
            .iter()
            .find(|meeting| meeting.id == case.meeting_id)
            .map(|meeting| (meeting_path(&meeting.id), named(meeting))),
        score: score(&loaded.completeness),
        n_required: loaded.completeness.n_required(),
        n_answered: loaded.completeness.n_answered(),
        complete: loaded.completeness.is_complete(),
        conflicts: loaded
            .completeness
            .items
            .iter()
            .filter(|standing| standing.in_conflict())
            .map(|standing| {
                let said: Vec<String> =
                    standing.heads.iter().map(|head| format!("{} by {}", head.value, head.who)).collect();
                format!("{}: {}", standing.item.label, said.join("; "))
            })
            .collect(),
        missing: groups(&loaded.completeness, asked, true),
        findings: against(&loaded.findings),
        open_rules: loaded
            .findings
            .iter()
            .filter(|finding| !finding.holds())
            .map(|finding| {
                let needs: Vec<String> = finding.needs.iter().map(item_label).collect();
                format!("{}: needs {}", finding.treatment.label, needs.join(", "))
            })
            .fold(Vec::new(), |mut lines, line| {
                if !lines.contains(&line) {
                    lines.push(line);
                }
                lines
            }),
        blind: loaded.blind,
        no_report: loaded.no_report,
        answer: loaded.view.as_ref().map(|view| view.answer.sentence.clone()),
        plans: plan_groups(&loaded.plans, &|id| asked.typed.get("plan") == id),
        own_plan: asked.value("own_plan", ""),
        vote_reason: asked.value("vote_reason", ""),
        errors: asked
            .errors
            .iter()
            .filter(|(field, _)| ItemList::standard().find(field).is_none())
            .map(|(_, text)| text.clone())
            .collect(),
        n_votes: match votes.len() {
            0 => "Nobody has voted yet.".to_owned(),
            1 => "1 vote.".to_owned(),
            n => format!("{n} votes."),
        },
        // Others' votes would bias hers as the model does.
        votes: votes
            .iter()
            .filter(|_| !loaded.blind)
            .map(|vote| Said {
                what: vote.plan.clone(),
                note: vote.reason.clone(),
                who: if vote.blind { format!("{}, before seeing the model", vote.who) } else { vote.who.clone() },
                at: instant_text(vote.at_ms),
            })
            .collect(),
        voted,
        comments: comments
            .into_iter()
            .map(|one| Said { what: one.text, note: String::new(), who: one.who, at: instant_text(one.at_ms) })
            .collect(),
        comment: asked.value("comment", ""),
        may_decide: loaded.may_decide(),
        draft: draft.body.map(|_| format!("A draft was saved by {} at {}.", draft.who, instant_text(draft.at_ms))),
        decisions: decisions
            .iter()
            .rev()
            .map(|one| {
                let words =
                    format!("Version {}, signed by {} at {}", one.version, one.signer, instant_text(one.signed_ms));
                (decision_path(&case.id, one.version), words)
            })
            .collect(),
        damages: damages.iter().map(|damage| format!("Version {}: {}.", damage.version, damage.found)).collect(),
        outcome_kinds: OutcomeKind::ALL
            .into_iter()
            .map(|kind| Choices { code: kind.as_str(), label: kind.label(), values: kind.values() })
            .collect(),
        outcome_note: asked.value("note", ""),
        outcome_day: asked.value("dated_on", ""),
        outcomes: outcomes
            .0
            .into_iter()
            .rev()
            .map(|one| Said {
                what: format!("{}: {} ({})", one.kind.label(), one.value, one.dated_on),
                note: one.note,
                who: one.who,
                at: instant_text(one.at_ms),
            })
            .collect(),
        timeline: timeline.into_iter().rev().map(|(at, what)| (instant_text(at), what)).collect(),
    };
    html(asked.status(), &page)
}
