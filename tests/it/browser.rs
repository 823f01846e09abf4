//! The server in a real browser: set-up, sign-in, a report, what if, and two people on one case of the board.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{regimen, root, text};
use crate::webdriver::{Browser, Driver};

/// A running `regimen serve` on a database of its own, stopped when dropped.
struct Server {
    child: Child,
    address: String,
    code: String,
}

impl Server {
    /// Serves the seven invented patients.
    fn start(database: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_regimen"))
            .args(["serve", "--cohort", "examples", "--data", &text(&root().join("data-schemas"))])
            .args(["--database", database, "--bind", "127.0.0.1:0"])
            .env("REGIMEN_MODELS", root().join("models"))
            .env_remove("REGIMEN_PSEUDONYM_KEY")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let out = child.stdout.take().expect("its output is read");
        let (mut address, mut code) = (String::new(), String::new());
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if let Some(rest) = line.strip_prefix("open ") {
                address = rest.split("/ ").next().unwrap_or_default().to_owned();
            }
            if let Some((_, found)) = line.split_once("good for a day: ") {
                code = found.trim().to_owned();
                break;
            }
        }
        assert!(address.starts_with("http://127.0.0.1:") && !code.is_empty(), "{address} {code}");
        Self { child, address, code }
    }

    fn page(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Adds a person and returns the initial password.
fn add(database: &str, login: &str, role: &str) -> String {
    let ran = regimen(["people", "add", login, "--role", role, "--database", database]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout.trim().rsplit(' ').next().expect("a password is printed").to_owned()
}

/// Signs in for the first time, which asks for a new password.
fn sign_in(browser: &Browser<'_>, server: &Server, login: &str, initial: &str) {
    let chosen = "a password of my own";
    browser.go(&server.page("/"));
    browser.fill("#login", login);
    browser.fill("#password", initial);
    browser.click("form[action=\"/sign-in\"] button");
    assert!(browser.url().ends_with("/password"), "the initial password must be changed: {}", browser.url());
    browser.fill("#current", initial);
    browser.fill("#password", chosen);
    browser.fill("#again", chosen);
    browser.click("form[action=\"/password\"] button");
    browser.go(&server.page("/"));
    if browser.has("#login") {
        browser.fill("#login", login);
        browser.fill("#password", chosen);
        browser.click("form[action=\"/sign-in\"] button");
    }
    assert!(!browser.has("#login"), "signed in as {login}: {}", browser.url());
}

/// The address of the first report in the list.
fn first_report(browser: &Browser<'_>, server: &Server) -> String {
    browser.go(&server.page("/"));
    let href = browser.run("return document.querySelector('a[href^=\"/patients/P-\"]').getAttribute('href')");
    server.page(href.as_str().expect("the list has a patient"))
}

fn database(folder: &Path) -> String {
    format!("sqlite:{}", text(&folder.join("browser.db")))
}

#[test]
fn two_people_sign_in_read_ask_what_if_and_lose_nothing_on_one_case() {
    let Some(driver) = Driver::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path());
    let server = Server::start(&database);

    let administrator = driver.open(1280);
    administrator.go(&server.page("/setup"));
    administrator.fill("#code", &server.code);
    administrator.fill("#login", "root");
    administrator.fill("#display_name", "Root Example");
    administrator.fill("#password", "correct horse battery");
    administrator.fill("#again", "correct horse battery");
    administrator.click("form[action=\"/setup\"] button");
    administrator.go(&server.page("/people"));
    assert!(administrator.text("main").contains("Root Example"), "{}", administrator.text("main"));

    let (coordinator, clinician) = (driver.open(1280), driver.open(390));
    sign_in(&coordinator, &server, "carla", &add(&database, "carla", "coordinator"));
    sign_in(&clinician, &server, "anna", &add(&database, "anna", "clinician"));

    // A report, on a telephone: nothing is wider than the window, no script ran, and the forms are linked.
    let report = first_report(&clinician, &server);
    clinician.go(&report);
    assert!(clinician.text("h1").contains("Treatment-response report"), "{}", clinician.text("h1"));
    let wide = clinician.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(wide.as_i64(), Some(0), "the report fits a telephone");
    for form in [".pdf", ".fhir.json", "/plain/en", "/plain/de"] {
        assert!(clinician.has(&format!("a[href$=\"{form}\"]")), "{form}");
    }
    clinician.go(&format!("{report}/plain/de"));
    assert_eq!(clinician.run("return document.querySelector('main').textContent.length > 500"), true);

    // What if, marked as hypothetical; the record stays.
    clinician.go(&format!("{report}/what-if"));
    clinician.fill("#f-age_years", "71");
    clinician.click("form[action$=\"/what-if\"] button[type=\"submit\"]");
    assert!(clinician.text("body").contains("HYPOTHETICAL"), "{}", clinician.text("main"));
    clinician.go(&format!("{report}/what-if"));
    assert!(!clinician.text("body").contains("HYPOTHETICAL"));

    // A case, and two comments written from pages that were open at the same time.
    coordinator.go(&server.page("/board"));
    coordinator.run("document.querySelectorAll('details').forEach(part => part.open = true)");
    let first = coordinator.run("return document.querySelector('#pseudonym option[value^=\"P-\"]').value");
    coordinator.choose("#pseudonym", first.as_str().unwrap());
    coordinator.fill("#question", "Which treatment before surgery?");
    coordinator.click("form[action=\"/board/cases\"] button[type=\"submit\"]");
    let case = coordinator.run(
        "const here = location.pathname; \
         if (/^\\/board\\/cases\\/[0-9a-f]+/.test(here)) return here; \
         return document.querySelector('a[href^=\"/board/cases/\"]').getAttribute('href')",
    );
    let case = server.page(case.as_str().expect("the case has a page"));
    for browser in [&coordinator, &clinician] {
        browser.go(&case);
        browser.run("document.querySelectorAll('details').forEach(part => part.open = true)");
    }
    for (browser, said) in [(&clinician, "Ask for BRCA first <script>alert(1)</script>"), (&coordinator, "MRI is due")]
    {
        browser.fill("#comment", said);
        browser.click("form[action$=\"/comments\"] button[type=\"submit\"]");
    }
    coordinator.go(&case);
    coordinator.run("document.querySelectorAll('details').forEach(part => part.open = true)");
    let page = coordinator.text("main");
    assert!(page.contains("Ask for BRCA first <script>") && page.contains("MRI is due"), "{page}");

    let verified = regimen(["audit", "verify", "--database", &database]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains(" 0 damages"), "{}", verified.stdout);
}
