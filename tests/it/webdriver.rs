//! A small WebDriver client over plain HTTP, for the tests in a real browser: Debian's `chromium-driver`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Key under which a reference to an element travels (W3C WebDriver, section 12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A running `chromedriver`, stopped when dropped.
pub(crate) struct Driver {
    child: Child,
    port: u16,
}

/// One browser window with its own cookies.
pub(crate) struct Browser<'a> {
    driver: &'a Driver,
    session: String,
}

/// A free port of the loopback interface.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .expect("the driver answers")
        .local_addr()
        .expect("the driver answers")
        .port()
}

impl Driver {
    /// Starts the driver; `None`, with a printed line, where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let port = free_port();
        let child = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            println!("skipped: chromedriver is not installed (Debian: chromium-driver)");
            return None;
        };
        let driver = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < deadline, "chromedriver does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(driver)
    }

    /// A new headless window of the given width, CSS pixels.
    pub(crate) fn open(&self, width: u32) -> Browser<'_> {
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            format!("--window-size={width},1000"),
        ];
        let capabilities = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let value = self.ask("POST", "/session", Some(&capabilities)).expect("a session starts");
        let session = value["sessionId"].as_str().expect("a session has an id").to_owned();
        Browser { driver: self, session }
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(|error| error.to_string())?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            body.len()
        );
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()))
            .map_err(|e| e.to_string())?;
        // The driver keeps the connection open: its answer ends where its head says.
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line).map_err(|error| error.to_string())?;
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(|_| "a length that is no number")?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body).map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        match answer["value"]["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", answer["value"]["message"])),
            None => Ok(answer["value"].clone()),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Browser<'_> {
    fn command(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        self.driver.ask(method, &format!("/session/{}{path}", self.session), body)
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) fn go(&self, url: &str) {
        self.command("POST", "/url", Some(&json!({"url": url}))).expect("the driver answers");
    }

    /// The address that is shown.
    pub(crate) fn url(&self) -> String {
        self.command("GET", "/url", None).expect("the driver answers").as_str().expect("the driver answers").to_owned()
    }

    fn find(&self, css: &str) -> Result<String, String> {
        let found = self.command("POST", "/element", Some(&json!({"using": "css selector", "value": css})))?;
        found[ELEMENT].as_str().map(str::to_owned).ok_or_else(|| format!("no reference for `{css}`"))
    }

    /// True when the page has such an element.
    pub(crate) fn has(&self, css: &str) -> bool {
        self.find(css).is_ok()
    }

    /// The visible text of an element.
    pub(crate) fn text(&self, css: &str) -> String {
        let element = self.find(css).unwrap_or_else(|error| panic!("{css} at {}: {error}", self.url()));
        self.command("GET", &format!("/element/{element}/text"), None)
            .expect("the driver answers")
            .as_str()
            .expect("the driver answers")
            .to_owned()
    }

    /// Clicks an element, after which a page may load.
    pub(crate) fn click(&self, css: &str) {
        // The style sheet scrolls smoothly, and a click would come before the element has arrived.
        self.run(&format!(
            "const found = document.querySelector({}); \
             if (found) found.scrollIntoView({{block: 'center', behavior: 'instant'}})",
            json!(css)
        ));
        let element = self.find(css).unwrap_or_else(|error| panic!("{css} at {}: {error}", self.url()));
        self.command("POST", &format!("/element/{element}/click"), Some(&json!({})))
            .unwrap_or_else(|error| panic!("{css} at {}: {error}", self.url()));
    }

    /// Types into a field, over what it held.
    pub(crate) fn fill(&self, css: &str, text: &str) {
        let element = self.find(css).unwrap_or_else(|error| panic!("{css} at {}: {error}", self.url()));
        self.command("POST", &format!("/element/{element}/clear"), Some(&json!({}))).expect("the driver answers");
        self.command("POST", &format!("/element/{element}/value"), Some(&json!({"text": text})))
            .expect("the driver answers");
    }

    /// Chooses the option of a list by its value.
    pub(crate) fn choose(&self, css: &str, value: &str) {
        self.click(&format!("{css} option[value=\"{value}\"]"));
    }

    /// The value of a script run in the page.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", Some(&json!({"script": script, "args": []}))).expect("the driver answers")
    }
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        let _ = self.command("DELETE", "", None);
    }
}
