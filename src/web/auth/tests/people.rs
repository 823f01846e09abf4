use actix_web::http::StatusCode;

use crate::store::Role;
use crate::web::browser::{Browser, PASSWORD, add, site, stores};

/// The password on the page that shows it once.
fn shown(body: &str) -> String {
    body.split("<code>").nth(1).and_then(|rest| rest.split('<').next()).unwrap().to_owned()
}

#[actix_web::test]
async fn the_first_administrator_is_made_with_the_code_that_the_server_printed() {
    for store in stores("w_setup").await {
        let code = store.setup_code().await.unwrap().unwrap();
        let mut browser = Browser::new(site(&store));
        assert_eq!(browser.get("/sign-in").await.header("location"), "/setup");
        browser.get("/setup").await;
        let fields = |code, password, again| {
            [
                ("code", code),
                ("login", "Root"),
                ("display_name", "Root Example"),
                ("password", password),
                ("again", again),
            ]
        };
        for (code, password, again, words) in [
            ("wrong", PASSWORD, PASSWORD, "The set-up code is not valid"),
            (code.as_str(), "short", "short", "at least 12 characters"),
            (code.as_str(), PASSWORD, "another password", "differ"),
        ] {
            let reply = browser.post("/setup", &fields(code, password, again)).await;
            assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}");
            assert!(reply.body.contains(words) && !reply.body.contains(PASSWORD), "{words}");
        }
        assert!(!store.has_people().await.unwrap());
        let reply = browser.post("/setup", &fields(&code, PASSWORD, PASSWORD)).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, "/people"));
        assert_eq!(browser.get("/people").await.status, StatusCode::OK);
        let mut late = Browser::new(site(&store));
        assert_eq!(late.get("/setup").await.status, StatusCode::NOT_FOUND);
        late.get("/sign-in").await;
        assert_eq!(late.post("/setup", &fields(&code, PASSWORD, PASSWORD)).await.status, StatusCode::NOT_FOUND);
    }
}

#[actix_web::test]
async fn an_initial_password_is_shown_once_and_must_be_changed_before_anything_else() {
    for store in stores("w_initial").await {
        add(&store, "root", Role::Administrator).await;
        let mut admin = Browser::signed_in(site(&store), "root").await;
        admin.get("/people").await;
        let fields = [("login", "Berta"), ("display_name", "<b>Berta</b>"), ("role", "clinician")];
        let page = admin.post("/people", &fields).await;
        assert!(page.body.contains("&#60;b&#62;Berta") || page.body.contains("&lt;b&gt;Berta"), "{}", page.body);
        let initial = shown(&page.body);
        assert!(!admin.get("/people").await.body.contains(&initial));
        let log = format!("{:?}", store.audit_after(0, 1000).await.unwrap());
        assert!(!log.contains(&initial) && log.contains("person-added"));
        let mut browser = Browser::new(site(&store));
        browser.get("/sign-in").await;
        browser.post("/sign-in", &[("login", "berta"), ("password", &initial)]).await;
        for path in ["/", "/patients/P-0123456789AB", "/board", "/audit"] {
            let reply = browser.get(path).await;
            let there = path == "/board"; // A page of a later part of the server, or no page at all.
            assert!(reply.header("location") == "/password" || there, "{path} {}", reply.status);
        }
        browser.get("/password").await;
        let before = browser.session();
        let change = |current, new, again| [("current", current), ("password", new), ("again", again)];
        for (current, new, again) in [
            ("not the password", "a good new password", "a good new password"),
            (initial.as_str(), "short", "short"),
            (initial.as_str(), initial.as_str(), initial.as_str()),
            (initial.as_str(), "a good new password", "another"),
        ] {
            let reply = browser.post("/password", &change(current, new, again)).await;
            assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{new}");
        }
        let reply = browser.post("/password", &change(&initial, "a good new password", "a good new password")).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
        assert_ne!(browser.session(), before, "the session's id changes");
        assert_eq!(browser.get("/").await.status, StatusCode::OK);
        browser.cookies.insert("regimen".to_owned(), before);
        assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
    }
}

#[actix_web::test]
async fn disabling_resetting_and_signing_out_everywhere_end_sessions_at_once() {
    for store in stores("w_change").await {
        let root = add(&store, "root", Role::Administrator).await;
        let anna = add(&store, "anna", Role::Clinician).await;
        let mut admin = Browser::signed_in(site(&store), "root").await;
        let path = format!("/people/{}", anna.id);
        for change in [vec![("change", "sign-out")], vec![("change", "role"), ("role", "coordinator")]] {
            let mut browser = Browser::signed_in(site(&store), "anna").await;
            admin.get(&path).await;
            assert_eq!(admin.post(&path, &change).await.status, StatusCode::SEE_OTHER, "{change:?}");
            assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER, "{change:?}");
        }
        assert_eq!(store.account(&anna.id).await.unwrap().person.role, Role::Coordinator);
        let initial = shown(&admin.post(&path, &[("change", "reset")]).await.body);
        let mut browser = Browser::new(site(&store));
        browser.get("/sign-in").await;
        let reply = browser.post("/sign-in", &[("login", "anna"), ("password", PASSWORD)]).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "the old password");
        let reply = browser.post("/sign-in", &[("login", "anna"), ("password", &initial)]).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER);
        admin.post(&path, &[("change", "disable")]).await;
        assert_eq!(browser.get("/password").await.header("location"), "/sign-in?next=/password");
        assert!(admin.get("/people").await.body.contains("disabled"));
        let own = format!("/people/{}", root.id);
        let reply = admin.post(&own, &[("change", "disable")]).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(reply.body.contains("another administrator"));
        assert_eq!(admin.post(&path, &[("change", "delete")]).await.status, StatusCode::BAD_REQUEST);
        let taken = [("login", "anna"), ("display_name", "A"), ("role", "clinician")];
        assert!(admin.post("/people", &taken).await.body.contains("This login is in use."));
    }
}
