use actix_web::http::StatusCode;
use sha2::{Digest, Sha256};

use crate::report::fixtures::normal;
use crate::store::{Right, Role, Store};
use crate::web::browser::{Browser, add, site, stores};

fn report() -> String {
    format!("/patients/{}", normal().pseudonym)
}

async fn actions(store: &Store) -> Vec<(String, Option<String>)> {
    let lines = store.audit_after(0, 10_000).await.unwrap();
    lines.into_iter().map(|line| (line.action, line.login)).collect()
}

#[actix_web::test]
async fn every_role_opens_the_pages_of_its_rights_and_no_others() {
    for store in stores("w_roles").await {
        let other = add(&store, "other", Role::Administrator).await;
        let routes = [
            (report(), Right::ReadPatients),
            (format!("{}.json", report()), Right::ReadPatients),
            ("/people".to_owned(), Right::ManagePeople),
            (format!("/people/{}", other.id), Right::ManagePeople),
            ("/audit".to_owned(), Right::ReadAudit),
        ];
        for role in Role::ALL {
            add(&store, role.as_str(), role).await;
            let mut browser = Browser::signed_in(site(&store), role.as_str()).await;
            let token = browser.csrf.clone();
            for (path, right) in &routes {
                let reply = browser.get(path).await;
                let expected = if role.has(*right) { StatusCode::OK } else { StatusCode::FORBIDDEN };
                assert_eq!(reply.status, expected, "{role:?} {path}");
                assert!(role.has(*right) || !reply.body.contains("pCR"), "{role:?} {path}");
            }
            let listed = browser.get("/").await;
            assert_eq!(listed.status == StatusCode::OK, role.has(Right::ReadPatients), "{role:?}");
            if !role.has(Right::ManagePeople) {
                browser.csrf = token;
                let id = format!("/people/{}", other.id);
                for (path, fields) in [
                    ("/people", vec![("login", "evil"), ("display_name", "E"), ("role", "administrator")]),
                    (id.as_str(), vec![("change", "role"), ("role", "clinician")]),
                    (id.as_str(), vec![("change", "reset")]),
                    (id.as_str(), vec![("change", "disable")]),
                ] {
                    assert_eq!(browser.post(path, &fields).await.status, StatusCode::FORBIDDEN, "{role:?} {path}");
                }
            }
        }
        assert!(!store.account(&other.id).await.unwrap().disabled);
        let log = actions(&store).await;
        assert_eq!(
            log.iter().filter(|(action, login)| action == "refused" && login.as_deref() == Some("clinician")).count(),
            7,
            "every refusal is in the log"
        );
    }
}

#[actix_web::test]
async fn nothing_is_shown_before_sign_in() {
    for store in stores("w_nobody").await {
        let other = add(&store, "other", Role::Administrator).await;
        let person = format!("/people/{}", other.id);
        for path in ["/", "/people", "/audit", "/password", &report(), &format!("{}.json", report()), &person] {
            let reply = Browser::new(site(&store)).get(path).await;
            assert_eq!(reply.status, StatusCode::SEE_OTHER, "{path}");
            assert!(reply.header("location").starts_with("/sign-in"), "{path}");
            assert!(!reply.body.contains("pCR") && !reply.body.contains("other"), "{path}");
        }
    }
}

#[actix_web::test]
async fn guessed_ids_lead_nowhere() {
    for store in stores("w_guess").await {
        add(&store, "root", Role::Administrator).await;
        add(&store, "anna", Role::Clinician).await;
        let mut browser = Browser::signed_in(site(&store), "root").await;
        for id in ["1", "0", "00000000000000000000000000000000", "deadbeef", "../people", "' OR 1=1", "%00"] {
            let reply = browser.get(&format!("/people/{}", id.replace(' ', "%20").replace('\'', "%27"))).await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{id}");
        }
        let reply = browser.post(&format!("/people/{}", "0".repeat(32)), &[("change", "disable")]).await;
        assert!(reply.status.is_client_error());
        let mut browser = Browser::signed_in(site(&store), "anna").await;
        for pseudonym in ["P-000000000000", "P-1", "1", "anna", "..%2f..%2fetc%2fpasswd", "P-0123456789ab"] {
            let reply = browser.get(&format!("/patients/{pseudonym}")).await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{pseudonym}");
        }
    }
}

#[actix_web::test]
async fn every_view_is_recorded_with_models_and_the_hash_of_what_was_shown() {
    for store in stores("w_views").await {
        add(&store, "anna", Role::Clinician).await;
        let mut browser = Browser::signed_in(site(&store), "anna").await;
        browser.get("/").await;
        browser.get(&report()).await;
        let json = browser.get(&format!("{}.json", report())).await.body;
        let sha256: String = Sha256::digest(json.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let lines = store.audit_after(0, 1000).await.unwrap();
        let of = |action: &str| lines.iter().find(|line| line.action == action).unwrap();
        assert_eq!(of("viewed-list").login.as_deref(), Some("anna"));
        for action in ["viewed-report", "exported-report"] {
            let line = of(action);
            assert_eq!(line.subject.as_deref(), Some(normal().pseudonym.as_str()), "{action}");
            let detail: serde_json::Value = serde_json::from_str(&line.detail).unwrap();
            assert_eq!(detail["sha256"], sha256.as_str(), "{action}");
            assert!(detail["models"][0].as_str().unwrap().starts_with("pcr-ispy2"), "{action}");
        }
        browser.get("/patients/P-000000000000").await;
        let found = store.verify_audit(&[]).await.unwrap();
        assert_eq!((found.entries, found.damages), (lines.len() as i64, vec![]), "what is not there was not seen");
    }
}

#[actix_web::test]
async fn administrators_filter_the_log_and_see_no_clinical_content() {
    for store in stores("w_audit").await {
        let anna = add(&store, "anna", Role::Clinician).await;
        add(&store, "root", Role::Administrator).await;
        let detail = serde_json::json!({ "comment": "HER2 2+ in the biopsy", "format": "html" });
        store.audit(Some(&anna), crate::store::Action::Commented, Some("P-0123456789AB"), &detail).await.unwrap();
        let mut browser = Browser::signed_in(site(&store), "root").await;
        let page = browser.get("/audit?action=commented").await.body;
        assert!(page.contains("P-0123456789AB") && page.contains("format html"));
        assert!(!page.contains("HER2"));
        let page = browser.get("/audit?login=anna&subject=P-000000000000").await.body;
        assert!(!page.contains("P-0123456789AB"));
        for odd in
            ["/audit?action=%00", "/audit?before=-1", "/audit?login=%27%20OR%201%3D1", "/audit?subject=%3Cscript%3E"]
        {
            let reply = browser.get(odd).await;
            assert_eq!(reply.status, StatusCode::OK, "{odd}");
            assert!(!reply.body.contains("<script"), "{odd}");
        }
        assert_eq!(browser.get("/audit?before=x").await.status, StatusCode::BAD_REQUEST);
        for _ in 0..120 {
            store.audit(None, crate::store::Action::ViewedList, None, &serde_json::json!({})).await.unwrap();
        }
        let page = browser.get("/audit?action=viewed-list").await.body;
        let older = page.split("href=\"").find(|rest| rest.starts_with("/audit?")).unwrap().split('"').next().unwrap();
        let older = older.replace("&#38;", "&").replace("&amp;", "&");
        let page = browser.get(&older).await.body;
        assert_eq!(page.matches("<td>viewed list</td>").count(), 20, "{older}");
    }
}
