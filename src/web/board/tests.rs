//! The board's pages over HTTP, each person with an application of her own over one store.

use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::http::{Method, StatusCode};
use actix_web::{middleware, test as harness, web};

use crate::report::fixtures::{normal, out_of_distribution};
use crate::report::{IndexEntry, IndexMeta, ReportView};
use crate::store::board::{CaseState, Complexity, Day, NewCase};
use crate::store::{AuditKey, Person, Role, Store};
use crate::web::{App, IndexPage, ReportSource, Security, SourceError, headers, routes};

const TOKEN: &str = "0123456789abcdef";

struct Two;

impl ReportSource for Two {
    fn index(&self) -> Result<IndexPage, SourceError> {
        let views = [normal(), out_of_distribution()].map(|from| ReportView::new(&from));
        Ok(IndexPage {
            entries: views.iter().map(|view| IndexEntry::of(view, "")).collect(),
            meta: IndexMeta {
                title: "Demonstration cohort".to_owned(),
                synthetic: true,
                regimen_version: "0".to_owned(),
                models: Vec::new(),
                n_refused: 0,
                refusals: Vec::new(),
            },
        })
    }

    fn report(&self, pseudonym: &str) -> Result<Option<ReportView>, SourceError> {
        let known = [normal(), out_of_distribution()];
        Ok(known.iter().find(|from| from.pseudonym.as_str() == pseudonym).map(ReportView::new))
    }
}

fn person(name: &str, role: Role) -> Person {
    Person { id: name.to_owned(), login: name.to_owned(), display_name: format!("Dr {name}"), role }
}

fn ann() -> Person {
    person("ann", Role::Clinician)
}

fn ben() -> Person {
    person("ben", Role::Coordinator)
}

async fn store() -> Store {
    Store::open("sqlite::memory:", AuditKey::fresh().unwrap()).await.unwrap()
}

/// One request of `who`; a body is a form that already holds the token.
async fn ask(
    store: &Store,
    who: &Person,
    method: Method,
    path: &str,
    form: Option<&[(&str, &str)]>,
) -> (StatusCode, String, String) {
    let security = Security { demonstration: Some((who.clone(), TOKEN.to_owned())), ..Security::default() };
    let app = App::new(Arc::new(Two), store.clone()).with_security(security);
    let service = harness::init_service(
        actix_web::App::new()
            .app_data(web::Data::new(app))
            .wrap(middleware::from_fn(headers::around))
            .configure(routes::mount),
    )
    .await;
    let mut request = harness::TestRequest::with_uri(path).method(method).insert_header(("host", "localhost"));
    if let Some(fields) = form {
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("csrf", TOKEN)]).collect();
        request = request.set_form(fields);
    }
    let response = harness::call_service(&service, request.to_request()).await;
    let status = response.status();
    let place = response.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let body = to_bytes(response.into_body()).await.unwrap();
    (status, place, String::from_utf8(body.to_vec()).unwrap())
}

async fn get(store: &Store, who: &Person, path: &str) -> (StatusCode, String) {
    let (status, _, body) = ask(store, who, Method::GET, path, None).await;
    (status, body)
}

async fn post(store: &Store, who: &Person, path: &str, form: &[(&str, &str)]) -> (StatusCode, String, String) {
    ask(store, who, Method::POST, path, Some(form)).await
}

fn pseudonym() -> String {
    normal().pseudonym.to_string()
}

/// A case of the first patient, by the form of the queue.
async fn opened(store: &Store, blind: bool) -> String {
    let patient = pseudonym();
    let mut form = vec![("pseudonym", patient.as_str()), ("complexity", "complex"), ("question", "What first?")];
    if blind {
        form.push(("blind", "1"));
    }
    let (status, place, body) = post(store, &ben(), "/board/cases", &form).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{body}");
    place
}

/// A case that was discussed, by the store.
async fn discussed(store: &Store, blind: bool) -> String {
    let new = NewCase { pseudonym: pseudonym(), complexity: Complexity::Complex, blind, question: String::new() };
    let id = store.open_case(&ben(), &new).await.unwrap();
    store.move_case(&ben(), &id, 1, CaseState::DataComplete, "").await.unwrap();
    let meeting = store.add_meeting(&ben(), Day::parse("2099-12-03").unwrap(), "").await.unwrap();
    store.schedule(&ben(), &id, 2, &meeting).await.unwrap();
    store.move_case(&ben(), &id, 3, CaseState::Discussed, "").await.unwrap();
    format!("/board/cases/{id}")
}

const DECISION: [(&str, &str); 8] = [
    ("chosen", "arm:Pembro"),
    ("rejected.1", "arm:Ctr"),
    ("rejected_code.1", "less_benefit"),
    ("deviation", "none"),
    ("attendees", "Ann\nBen"),
    ("conditions", "after staging"),
    ("follow_up_on", "2027-03-01"),
    ("trial", ""),
];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    DECISION.iter().copied().chain(more.iter().copied()).collect()
}

/// Every number that the model gives for the first patient.
fn numbers() -> Vec<String> {
    let view = ReportView::new(&normal());
    let figures = view.options.iter().flat_map(|row| {
        [row.estimate.as_ref(), row.observed.as_ref()].into_iter().flatten().map(|figure| figure.interval_text.clone())
    });
    figures
        .map(|text| text.replace(" %", "\u{a0}%"))
        .chain(view.answer.estimate.iter().map(|one| one.interval_text.clone()))
        .collect()
}

#[actix_web::test]
async fn before_her_vote_no_page_shows_a_number_of_the_model_and_after_it_they_do() {
    let store = store().await;
    let case = opened(&store, true).await;
    let compare = format!("{case}/compare?plan=arm:Ctr&plan=arm:Pembro");
    let report = routes::report_path(&pseudonym());
    let json = routes::report_json_path(&pseudonym());
    post(&store, &ben(), &format!("{case}/votes"), &[("own_plan", "the secret plan of Ben")]).await;
    for path in [case.as_str(), &compare, "/board", "/", &report, &json, &format!("{case}/items")] {
        let (_, page) = get(&store, &ann(), path).await;
        for number in numbers() {
            let plain = number.replace('\u{a0}', " ");
            assert!(!page.contains(&number) && !page.contains(&plain), "{path} shows {number}");
        }
        assert!(!page.contains("the secret plan of Ben"), "{path} shows another's vote");
    }
    assert_eq!(get(&store, &ann(), &report).await.0, StatusCode::FORBIDDEN);
    assert_eq!(get(&store, &ann(), &json).await.0, StatusCode::FORBIDDEN);
    let (status, ..) = post(&store, &ann(), &format!("{case}/votes"), &[("plan", "arm:Ctr")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, page) = get(&store, &ann(), &compare).await;
    assert!(page.contains("42 to 73 %") && page.contains("+34 points"), "{page}");
    assert!(get(&store, &ann(), &case).await.1.contains("the secret plan of Ben"));
    assert_eq!(get(&store, &ann(), &report).await.0, StatusCode::OK);
}

#[actix_web::test]
async fn a_decision_is_not_signed_by_somebody_who_has_not_voted_in_blind_first_mode() {
    let store = store().await;
    let case = discussed(&store, true).await;
    let form = with(&[("act", "sign"), ("draft_version", "0")]);
    let (status, _, page) = post(&store, &ben(), &format!("{case}/decide"), &form).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("Vote first") && page.contains("after staging"));
}

#[actix_web::test]
async fn a_signed_decision_shows_what_was_decided_what_was_expected_and_its_hash() {
    let store = store().await;
    let case = discussed(&store, false).await;
    let form = with(&[("act", "sign"), ("draft_version", "0")]);
    let (status, place, page) = post(&store, &ben(), &format!("{case}/decide"), &form).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    assert_eq!(place, format!("{case}/decisions/1"));
    let (_, page) = get(&store, &ann(), &place).await;
    for words in [
        "Pembrolizumab + paclitaxel",
        "Less benefit expected",
        "after staging",
        "Ann, Ben",
        "58 %",
        "42 to 73 %",
        "2027-03-01",
        "Checked now",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let id = case.rsplit('/').next().unwrap();
    let signed = store.decisions(id).await.unwrap();
    assert!(page.contains(&signed[0].sha256));
    assert!(!signed[0].body.missing.is_empty(), "what was missing is part of what was signed");
}

#[actix_web::test]
async fn of_two_people_who_write_one_decision_the_second_sees_both_texts_and_loses_none() {
    let store = store().await;
    let case = discussed(&store, false).await;
    let decide = format!("{case}/decide");
    let first = with(&[("act", "save"), ("draft_version", "0")]);
    assert_eq!(post(&store, &ben(), &decide, &first).await.0, StatusCode::SEE_OTHER);
    let cleo = person("cleo", Role::Coordinator);
    let second =
        [("act", "save"), ("draft_version", "0"), ("chosen_own", "Surgery first"), ("conditions", "typed by Cleo")];
    let (status, _, page) = post(&store, &cleo, &decide, &second).await;
    assert_eq!(status, StatusCode::CONFLICT);
    for words in
        ["Saved by Dr ben", "after staging", "typed by Cleo", "Surgery first", "name=\"draft_version\" value=\"1\""]
    {
        assert!(page.contains(words), "{words}");
    }
    let id = case.rsplit('/').next().unwrap();
    assert_eq!(store.draft(id).await.unwrap().body.unwrap().conditions, "after staging");
    let again = [("act", "save"), ("draft_version", "1"), ("conditions", "typed by Cleo")];
    assert_eq!(post(&store, &cleo, &decide, &again).await.0, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn a_move_from_an_older_page_is_answered_with_the_case_as_it_stands() {
    let store = store().await;
    let case = opened(&store, false).await;
    let moves = format!("{case}/moves");
    let to = |version: &'static str| [("to", "data_complete"), ("version", version), ("reason", "typed reason")];
    assert_eq!(post(&store, &ben(), &moves, &to("1")).await.0, StatusCode::SEE_OTHER);
    let (status, _, page) = post(&store, &ben(), &moves, &to("1")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("Somebody else changed this") && page.contains("typed reason"));
}

#[actix_web::test]
async fn a_case_goes_on_without_required_items_only_with_a_reason() {
    let store = store().await;
    let case = opened(&store, false).await;
    let form = [("to", "data_complete"), ("version", "1"), ("reason", " ")];
    let (status, _, page) = post(&store, &ben(), &format!("{case}/moves"), &form).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("Required items are missing"));
}

#[actix_web::test]
async fn a_refused_item_keeps_everything_that_was_typed() {
    let store = store().await;
    let case = opened(&store, false).await;
    let form = [("s.er_pct", "0"), ("v.er_pct", "180"), ("s.ct", "0"), ("v.ct", "T3"), ("from", "case")];
    let (status, _, page) = post(&store, &ann(), &format!("{case}/items"), &form).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("value=\"180\"") && page.contains("A number from 0 to 100"));
    assert!(page.contains("<option value=\"T3\" selected>"));
    let form = [("s.er_pct", "0"), ("v.er_pct", "80"), ("s.ct", "0"), ("v.ct", "T3")];
    assert_eq!(post(&store, &ann(), &format!("{case}/items"), &form).await.0, StatusCode::SEE_OTHER);
    let (_, page) = get(&store, &ben(), &case).await;
    // Two answers of this form, and one from the record.
    assert!(page.contains("3 of 22 required items answered"), "{page}");
    let other = [("s.ct", "0"), ("v.ct", "T2")];
    assert_eq!(post(&store, &ben(), &format!("{case}/items"), &other).await.0, StatusCode::SEE_OTHER);
    let (_, page) = get(&store, &ben(), &case).await;
    assert!(page.contains("T3 by Dr ann; T2 by Dr ben"), "both entries are shown");
}

#[actix_web::test]
async fn contraindications_stand_before_the_estimates() {
    let store = store().await;
    let case = opened(&store, false).await;
    let form = [("s.lvef_pct", "0"), ("v.lvef_pct", "40"), ("s.pregnancy", "0"), ("v.pregnancy", "pregnant")];
    post(&store, &ann(), &format!("{case}/items"), &form).await;
    let (_, page) = get(&store, &ann(), &case).await;
    let against = page.find("Ejection fraction below 50").unwrap();
    let estimates = page.find("Plans and estimates").unwrap();
    assert!(against < estimates);
    let (_, page) = get(&store, &ann(), &format!("{case}/compare?plan=arm:Ctr&plan=arm:Pembro")).await;
    let warned = page.find("immune checkpoint inhibitors can harm").unwrap();
    assert!(warned < page.find("Complete response, model").unwrap());
}

#[actix_web::test]
async fn markup_in_any_free_text_is_shown_as_text() {
    let store = store().await;
    let evil = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'";
    let case = discussed(&store, false).await;
    post(&store, &ann(), &format!("{case}/comments"), &[("comment", evil)]).await;
    post(&store, &ann(), &format!("{case}/votes"), &[("own_plan", evil), ("vote_reason", evil)]).await;
    post(
        &store,
        &ann(),
        &format!("{case}/items"),
        &[("s.comorbidity", "0"), ("v.comorbidity", evil), ("n.comorbidity", evil)],
    )
    .await;
    post(&store, &ben(), "/board/meetings", &[("held_on", "2099-01-01"), ("title", evil)]).await;
    let form = [
        ("chosen_own", evil),
        ("rejected_own.1", "x"),
        ("rejected_code.1", "harm"),
        ("rejected_text.1", evil),
        ("deviation", "other"),
        ("deviation_text", evil),
        ("attendees", evil),
        ("conditions", evil),
        ("trial", evil),
        ("act", "save"),
        ("draft_version", "0"),
    ];
    post(&store, &ben(), &format!("{case}/decide"), &form).await;
    let (_, draft) = get(&store, &ben(), &format!("{case}/decide")).await;
    let signs: Vec<(&str, &str)> = form
        .iter()
        .copied()
        .map(|(name, value)| match name {
            "act" => (name, "sign"),
            "draft_version" => (name, "1"),
            _ => (name, value),
        })
        .collect();
    let (status, place, page) = post(&store, &ben(), &format!("{case}/decide"), &signs).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let outcome = [("outcome", "pcr:yes"), ("dated_on", "2024-01-01"), ("note", evil)];
    post(&store, &ben(), &format!("{case}/outcomes"), &outcome).await;
    let (_, refused, asked) = post(&store, &ben(), "/board/cases", &[("pseudonym", evil), ("question", evil)]).await;
    assert!(refused.is_empty());
    let mut pages = vec![draft, asked];
    for path in [
        case.as_str(),
        &place,
        "/board",
        "/board/follow-up",
        &format!("{case}/items"),
        &format!("{case}/compare?plan={}", "%22%3E%3Cscript%3E"),
    ] {
        pages.push(get(&store, &ben(), path).await.1);
    }
    assert!(pages.iter().filter(|page| page.contains("alert(1)")).count() >= 5, "the text is shown");
    for page in pages {
        assert!(!page.contains("<script") && !page.contains("<img src=x"), "{page}");
    }
}

#[actix_web::test]
async fn guessed_ids_and_other_peoples_rights_open_nothing() {
    let store = store().await;
    let case = opened(&store, false).await;
    for path in [
        "/board/cases/00000000000000000000000000000000",
        "/board/cases/1",
        "/board/cases/..%2f..%2fetc%2fpasswd",
        "/board/cases/%27%20OR%201=1--",
        "/board/meetings/00000000000000000000000000000000",
        &format!("{case}/decisions/1"),
        &format!("{case}/decisions/x"),
        &format!("{case}x"),
    ] {
        assert_eq!(get(&store, &ben(), path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    for outsider in [person("dan", Role::DataScientist), person("eve", Role::Administrator)] {
        for path in [
            "/board",
            "/board/follow-up",
            case.as_str(),
            &format!("{case}/items"),
            &format!("{case}/compare"),
            &format!("{case}/decide"),
        ] {
            let (status, page) = get(&store, &outsider, path).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
            assert!(!page.contains(&pseudonym()), "{path}");
        }
        for part in ["comments", "votes", "items", "outcomes", "moves", "settings", "decide"] {
            let (status, ..) = post(&store, &outsider, &format!("{case}/{part}"), &[("comment", "x")]).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{part}");
        }
    }
    for (path, form) in [
        ("/board/cases".to_owned(), vec![("pseudonym", "x")]),
        ("/board/meetings".to_owned(), vec![("held_on", "2099-01-01")]),
        (format!("{case}/moves"), vec![("to", "data_complete"), ("version", "1")]),
        (format!("{case}/settings"), vec![("version", "1")]),
        (format!("{case}/decide"), vec![("act", "sign"), ("draft_version", "0")]),
    ] {
        assert_eq!(post(&store, &ann(), &path, &form).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(store.case(case.rsplit('/').next().unwrap()).await.unwrap().version, 1);
}

#[actix_web::test]
async fn a_form_without_the_token_of_the_session_changes_nothing() {
    let store = store().await;
    let case = opened(&store, false).await;
    let security = Security { demonstration: Some((ben(), "another token".to_owned())), ..Security::default() };
    let app = App::new(Arc::new(Two), store.clone()).with_security(security);
    let service = harness::init_service(
        actix_web::App::new()
            .app_data(web::Data::new(app))
            .wrap(middleware::from_fn(headers::around))
            .configure(routes::mount),
    )
    .await;
    for part in ["comments", "votes", "items", "moves", "settings", "outcomes", "decide"] {
        let request = harness::TestRequest::post()
            .uri(&format!("{case}/{part}"))
            .insert_header(("host", "localhost"))
            .set_form([("comment", "x"), ("own_plan", "x"), ("csrf", TOKEN)]);
        let response = harness::call_service(&service, request.to_request()).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{part}");
    }
    let id = case.rsplit('/').next().unwrap();
    assert!(store.comments(id).await.unwrap().is_empty() && store.votes(id).await.unwrap().is_empty());
}

#[actix_web::test]
async fn every_view_of_a_patient_is_on_the_audit_log() {
    let store = store().await;
    let case = opened(&store, false).await;
    let before = store.verify_audit(&[]).await.unwrap().entries;
    for path in [
        case.clone(),
        format!("{case}/items"),
        format!("{case}/compare"),
        "/board".to_owned(),
        "/board/follow-up".to_owned(),
    ] {
        get(&store, &ann(), &path).await;
    }
    assert_eq!(store.verify_audit(&[]).await.unwrap().entries, before + 5);
}

#[actix_web::test]
async fn outcomes_flow_back_to_the_follow_up_page() {
    let store = store().await;
    let case = discussed(&store, false).await;
    let form = with(&[("act", "sign"), ("draft_version", "0")]);
    post(&store, &ben(), &format!("{case}/decide"), &form).await;
    let outcome = [("outcome", "pcr:yes"), ("dated_on", "2024-01-01"), ("note", "")];
    let (status, _, page) = post(&store, &ann(), &format!("{case}/outcomes"), &outcome).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let (_, page) = get(&store, &ann(), "/board/follow-up").await;
    for words in ["Only 1 patient: too few", ">0.6<", "58 %", "exact Poisson"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let wrong = [("outcome", "rcb:III"), ("dated_on", "2024-01-01"), ("note", "")];
    let (status, _, page) = post(&store, &ann(), &format!("{case}/outcomes"), &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("belong together"));
}
