use super::*;

const MINUTE: i64 = 60 * 1000;

#[test]
fn sessions_end_when_idle_after_twelve_hours_and_at_sign_out() {
    on_each("sessions", |store| async move {
        let anna = add(&store, "anna", Role::Clinician).await;
        let token = try_in(&store, "anna", PASSWORD).await.unwrap();
        let stored: String =
            sqlx::query_scalar("SELECT token_hash FROM sessions").fetch_one(&store.pool).await.unwrap();
        assert_ne!(stored, token, "the database alone opens no session");
        assert_eq!(store.session(&token).await.unwrap().unwrap().person, anna);
        assert_eq!(store.session(&stored).await.unwrap(), None);
        store.pass(29 * MINUTE);
        assert!(store.session(&token).await.unwrap().is_some(), "29 idle minutes");
        store.pass(29 * MINUTE);
        assert!(store.session(&token).await.unwrap().is_some(), "the last request counts");
        store.pass(31 * MINUTE);
        assert!(store.session(&token).await.unwrap().is_none(), "31 idle minutes");
        let token = try_in(&store, "anna", PASSWORD).await.unwrap();
        for _ in 0..26 {
            assert!(store.session(&token).await.unwrap().is_some());
            store.pass(27 * MINUTE + MINUTE / 2);
        }
        assert!(store.session(&token).await.unwrap().is_some(), "11 h 55 min");
        store.pass(6 * MINUTE);
        assert!(store.session(&token).await.unwrap().is_none(), "12 hours");
        let token = try_in(&store, "anna", PASSWORD).await.unwrap();
        store.sign_out(&anna, &token).await.unwrap();
        assert!(store.session(&token).await.unwrap().is_none(), "signed out");
    });
}

#[test]
fn a_login_waits_after_five_failures_longer_each_time_known_or_not() {
    on_each("lockout", |store| async move {
        add(&store, "anna", Role::Clinician).await;
        for login in ["anna", "nobody"] {
            for _ in 0..4 {
                assert_eq!(try_in(&store, login, "wrong").await, Err(Refusal::Wrong));
            }
            assert_eq!(try_in(&store, login, "wrong").await, Err(Refusal::Wrong), "the fifth is looked at");
            assert_eq!(try_in(&store, login, PASSWORD).await, Err(Refusal::Wait { seconds: 30 }), "{login}");
            store.pass(31_000);
            assert_eq!(try_in(&store, login, "wrong").await, Err(Refusal::Wrong));
            assert_eq!(try_in(&store, login, PASSWORD).await, Err(Refusal::Wait { seconds: 60 }), "{login}");
            store.pass(61_000);
        }
        assert!(try_in(&store, "anna", PASSWORD).await.is_ok(), "the right password after the wait");
        for _ in 0..4 {
            assert_eq!(try_in(&store, "anna", "wrong").await, Err(Refusal::Wrong), "a success starts again");
        }
        let log = actions(&store).await;
        assert_eq!(log.iter().filter(|action| *action == "locked-out").count(), 4);
        assert!(!log.iter().any(|action| action.contains("nobody")));
        let all = format!("{:?}", store.audit_after(0, 1000).await.unwrap());
        assert!(!all.contains("nobody"), "a text that is no login is not written down");
    });
}

#[test]
fn tries_sent_at_once_are_all_counted() {
    on_each("at_once", |store| async move {
        add(&store, "anna", Role::Clinician).await;
        let mut open = Vec::new();
        for _ in 0..20 {
            open.extend(store.begin_sign_in("anna", HERE).await.unwrap().ok());
        }
        assert_eq!(open.len(), 5, "no more than five passwords are looked at");
    });
}

#[test]
fn one_address_waits_after_thirty_failures_and_another_does_not() {
    on_each("address", |store| async move {
        add(&store, "anna", Role::Clinician).await;
        for number in 0..30 {
            assert_eq!(try_in(&store, &format!("guess{number}"), "wrong").await, Err(Refusal::Wrong));
        }
        assert!(matches!(try_in(&store, "anna", PASSWORD).await, Err(Refusal::Wait { .. })));
        let elsewhere: IpAddr = "10.1.2.3".parse().unwrap();
        let tried = store.begin_sign_in("anna", elsewhere).await.unwrap().unwrap();
        assert!(store.finish_sign_in(tried.look_at(PASSWORD), None).await.unwrap().is_ok());
    });
}

#[test]
fn injected_sql_is_only_a_wrong_login() {
    on_each("injection", |store| async move {
        add(&store, "anna", Role::Clinician).await;
        for login in ["anna'--", "' OR '1'='1", "anna\"; DROP TABLE people; --", "anna' UNION SELECT 1,2,3,4 --", "\0"]
        {
            assert_eq!(try_in(&store, login, PASSWORD).await, Err(Refusal::Wrong), "{login:?}");
        }
        assert!(store.has_people().await.unwrap());
    });
}

#[test]
fn a_sign_in_replaces_the_session_that_was_there() {
    on_each("fixation", |store| async move {
        add(&store, "anna", Role::Clinician).await;
        let before = try_in(&store, "anna", PASSWORD).await.unwrap();
        let tried = store.begin_sign_in("anna", HERE).await.unwrap().unwrap();
        let after = store.finish_sign_in(tried.look_at(PASSWORD), Some(&before)).await.unwrap().unwrap();
        assert_ne!(before, after);
        assert!(store.session(&before).await.unwrap().is_none());
        assert!(store.session(&after).await.unwrap().is_some());
    });
}

#[test]
fn disabling_resetting_and_changing_a_role_end_every_session() {
    on_each("changes", |store| async move {
        let root = add(&store, "root", Role::Administrator).await;
        let anna = add(&store, "anna", Role::Clinician).await;
        let token = try_in(&store, "anna", PASSWORD).await.unwrap();
        store.set_role(Some(&root), &anna.id, Role::Coordinator).await.unwrap();
        assert!(store.session(&token).await.unwrap().is_none());
        let token = try_in(&store, "anna", PASSWORD).await.unwrap();
        assert_eq!(store.session(&token).await.unwrap().unwrap().person.role, Role::Coordinator);
        let (initial, hashed) = HashedPassword::initial().unwrap();
        store.reset_password(Some(&root), &anna.id, &hashed).await.unwrap();
        assert!(store.session(&token).await.unwrap().is_none());
        assert_eq!(try_in(&store, "anna", PASSWORD).await, Err(Refusal::Wrong));
        let token = try_in(&store, "anna", &initial).await.unwrap();
        assert!(store.session(&token).await.unwrap().unwrap().must_change);
        let new = HashedPassword::new("another good password", "anna").unwrap();
        let change = async |current: &str| {
            let tried = store.begin_sign_in("anna", HERE).await.unwrap().unwrap();
            store.change_password(&anna, tried.look_at(current), &new).await.unwrap()
        };
        assert_eq!(change("not the current one").await, Err(Refusal::Wrong));
        let rotated = change(&initial).await.unwrap();
        assert!(store.session(&token).await.unwrap().is_none(), "the id changes with the password");
        assert!(!store.session(&rotated).await.unwrap().unwrap().must_change);
        store.set_disabled(Some(&root), &anna.id, true).await.unwrap();
        assert!(store.session(&rotated).await.unwrap().is_none());
        assert_eq!(try_in(&store, "anna", "another good password").await, Err(Refusal::Wrong));
        assert!(matches!(
            store
                .add_person(Some(&root), NewPerson { login: "anna", display_name: "A", role: Role::Clinician }, &new)
                .await,
            Err(Error::Taken)
        ));
        assert!(matches!(store.set_disabled(Some(&root), "no such id", true).await, Err(Error::NoPerson)));
    });
}

#[test]
fn nobody_removes_the_last_administrator_or_changes_the_own_account() {
    on_each("last", |store| async move {
        let root = add(&store, "root", Role::Administrator).await;
        let before = actions(&store).await;
        assert!(matches!(store.set_disabled(None, &root.id, true).await, Err(Error::LastAdministrator)));
        assert!(matches!(store.set_role(None, &root.id, Role::Clinician).await, Err(Error::LastAdministrator)));
        assert!(matches!(store.set_disabled(Some(&root), &root.id, true).await, Err(Error::Own)));
        assert_eq!(actions(&store).await, before, "a refused change leaves no entry");
        let second = add(&store, "second", Role::Administrator).await;
        store.set_disabled(Some(&second), &root.id, true).await.unwrap();
        assert!(matches!(store.set_role(None, &second.id, Role::Clinician).await, Err(Error::LastAdministrator)));
    });
}

#[test]
fn the_set_up_code_makes_one_administrator_once() {
    on_each("setup", |store| async move {
        let code = store.setup_code().await.unwrap().unwrap();
        let hashed = HashedPassword::new(PASSWORD, "root").unwrap();
        let wrong = store.set_up("00000-00000-00000-00000", "root", "Root", &hashed).await;
        assert!(matches!(wrong, Err(Error::SetupCode)));
        assert!(!store.has_people().await.unwrap());
        let (person, token) = store.set_up(&code, "root", "Root", &hashed).await.unwrap();
        assert_eq!(person.role, Role::Administrator);
        assert!(store.session(&token).await.unwrap().is_some());
        assert!(matches!(store.set_up(&code, "evil", "Evil", &hashed).await, Err(Error::SetupCode)));
        assert_eq!(store.setup_code().await.unwrap(), None);
        assert_eq!(actions(&store).await, ["set-up"]);
    });
}

#[test]
fn a_set_up_code_is_good_for_a_day() {
    on_each("setup_old", |store| async move {
        let code = store.setup_code().await.unwrap().unwrap();
        store.pass(25 * 60 * MINUTE);
        let hashed = HashedPassword::new(PASSWORD, "root").unwrap();
        assert!(matches!(store.set_up(&code, "root", "Root", &hashed).await, Err(Error::SetupCode)));
    });
}

#[test]
fn identities_are_linked_by_subject_and_never_take_an_account_of_the_same_name() {
    on_each("identities", |store| async move {
        let anna = add(&store, "anna", Role::Clinician).await;
        let identity = |subject, role| Identity {
            issuer: "https://id.example",
            subject,
            login: Some("Anna"),
            display_name: Some("Anna Elsewhere"),
            role,
            default_role: None,
        };
        assert!(matches!(store.sign_in_identity(identity("1", None), None).await, Err(Error::NoPerson)));
        let token = store.sign_in_identity(identity("1", Some(Role::DataScientist)), None).await.unwrap();
        let other = store.session(&token).await.unwrap().unwrap().person;
        assert_ne!(other.id, anna.id);
        assert!(other.login.starts_with("oidc-"), "{}", other.login);
        let again = store.sign_in_identity(identity("1", Some(Role::Coordinator)), None).await.unwrap();
        assert!(store.session(&token).await.unwrap().is_none(), "a new role ends older sessions");
        let person = store.session(&again).await.unwrap().unwrap().person;
        let by_default = Identity { default_role: Some(Role::Clinician), ..identity("1", None) };
        let third = store.sign_in_identity(by_default, None).await.unwrap();
        assert_eq!(store.session(&third).await.unwrap().unwrap().person.role, Role::Coordinator, "no demotion");
        assert_eq!((person.id.as_str(), person.role), (other.id.as_str(), Role::Coordinator));
        assert!(matches!(store.link_identity(&anna, "https://id.example", "1").await, Err(Error::Taken)));
        store.link_identity(&anna, "https://id.example", "2").await.unwrap();
        let token = store.sign_in_identity(identity("2", None), None).await.unwrap();
        assert_eq!(store.session(&token).await.unwrap().unwrap().person, anna);
        assert!(matches!(
            store.sign_in_identity(Identity { issuer: "https://evil.example", ..identity("2", None) }, None).await,
            Err(Error::NoPerson)
        ));
        add(&store, "root", Role::Administrator).await;
        store.set_disabled(None, &anna.id, true).await.unwrap();
        assert!(matches!(store.sign_in_identity(identity("2", None), None).await, Err(Error::NoPerson)));
    });
}

#[test]
fn what_was_begun_is_finished_once_and_not_too_late() {
    on_each("flows", |store| async move {
        store.put_flow("state", "{\"nonce\":\"n\"}", 10 * MINUTE).await.unwrap();
        assert_eq!(store.take_flow("other").await.unwrap(), None);
        assert_eq!(store.take_flow("state").await.unwrap().as_deref(), Some("{\"nonce\":\"n\"}"));
        assert_eq!(store.take_flow("state").await.unwrap(), None);
        store.put_flow("late", "x", 10 * MINUTE).await.unwrap();
        store.pass(11 * MINUTE);
        assert_eq!(store.take_flow("late").await.unwrap(), None);
    });
}
