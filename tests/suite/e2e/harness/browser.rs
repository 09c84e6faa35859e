//! A headless Chromium with a profile of its own, driven through its chromedriver with the few
//! calls of WebDriver (W3C, 2018) that the page tests need. A client library would bring its
//! features of serde_json into every build of the workspace.
//!
//! Where there is no chromedriver the page tests say so and look at nothing, except in continuous
//! integration, where that is a failure.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Daemon, eventually, within};

const DRIVER: &str = "chromedriver";

/// What keeps Chromium to itself: it looks nowhere but at our pages.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
];

/// The name under which WebDriver speaks of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser window. Dropping it ends its processes.
pub struct Browser {
    client: Client,
    /// Where its session is.
    session: String,
    process: Child,
    /// The profile; it goes with the browser.
    _profile: TempDir,
}

impl Browser {
    /// A window of a tablet's size, held upright; `None` where there is no browser.
    pub async fn open() -> Option<Self> {
        let version = Command::new(DRIVER).arg("--version").stdout(Stdio::null()).status();
        if version.is_err() {
            assert!(std::env::var_os("CI").is_none(), "{DRIVER} is missing: scripts/setup.sh test");
            eprintln!("no {DRIVER} here: the pages were not looked at");
            return None;
        }
        let port = free_port();
        let mut command = Command::new(DRIVER);
        command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.spawn().expect("a process");
        let profile = TempDir::new().expect("a directory");
        let client = Client::builder().no_proxy().build().expect("a client");
        let session = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { client, session, process, _profile: profile };
        let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        flags.push(format!("--user-data-dir={}", browser._profile.path().display()));
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": { "args": flags } });
        let wanted = json!({ "capabilities": { "alwaysMatch": wanted } });
        let opened =
            eventually("a browser opens", async || browser.ask(Method::POST, "", &wanted).await);
        let opened = opened.await;
        let id = opened["sessionId"].as_str().expect("a session");
        browser.session = format!("{}/{id}", browser.session);
        browser.resize(768, 1024).await;
        Some(browser)
    }

    /// One call of WebDriver; an error is what the driver says.
    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        let request = self.client.request(method.clone(), format!("{}{path}", self.session));
        let request = if method == Method::POST { request.json(body) } else { request };
        let work = async { request.send().await?.json::<Value>().await };
        let answer = within(path, work).await.map_err(|error| format!("{path}: {error}"))?;
        match answer["value"]["error"].as_str() {
            Some(error) => Err(format!("{path}: {error}: {}", answer["value"]["message"])),
            None => Ok(answer["value"].clone()),
        }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, &body).await.unwrap_or_else(|error| panic!("{error}"))
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, &Value::Null).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Opens a path of a daemon.
    pub async fn visit(&self, daemon: &Daemon, path: &str) {
        self.post("/url", json!({ "url": format!("{}{path}", daemon.door().base()) })).await;
    }

    /// Logs in at a daemon, and waits for its live page.
    pub async fn log_in(&self, daemon: &Daemon, token: &str) {
        self.visit(daemon, "/login").await;
        self.fill("#token", token).await;
        self.click("form[action='/login'] button").await;
        self.wait_for("body[data-live]").await;
    }

    /// Sets the size of what pages are laid out in.
    pub async fn resize(&self, width: u32, height: u32) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Shows pages as at night.
    pub async fn go_dark(&self) {
        let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
        self.command("Emulation.setEmulatedMedia", dark).await;
    }

    async fn command(&self, name: &str, parameters: Value) {
        self.post("/goog/cdp/execute", json!({ "cmd": name, "params": parameters })).await;
    }

    /// Touches the one thing that `css` names, once it is there.
    pub async fn click(&self, css: &str) {
        // A part that renews itself may be replaced between the look and the touch.
        eventually(&format!("{css} is touched"), async || {
            let element = self.find(css).await?;
            self.ask(Method::POST, &format!("{element}/click"), &json!({})).await
        })
        .await;
    }

    /// Types into a field, in the place of what is there.
    pub async fn fill(&self, css: &str, text: &str) {
        // Control and A; clearing the field in WebDriver's way would count as a change of its own.
        let text = format!("\u{e009}a\u{e000}{text}");
        let element = self.wait_for(css).await;
        self.post(&format!("{element}/value"), json!({ "text": text })).await;
    }

    async fn find(&self, css: &str) -> Result<String, String> {
        let by = json!({ "using": "css selector", "value": css });
        let found = self.ask(Method::POST, "/element", &by).await?;
        Ok(format!("/element/{}", found[ELEMENT].as_str().unwrap_or_default()))
    }

    /// Waits until `css` names something.
    pub async fn wait_for(&self, css: &str) -> String {
        eventually(&format!("{css} is on the page"), async || self.find(css).await).await
    }

    /// Waits until `css` names nothing.
    pub async fn wait_gone(&self, css: &str) {
        eventually(&format!("{css} is gone"), async || match self.count(css).await {
            0 => Ok(()),
            count => Err(format!("{count} are there")),
        })
        .await;
    }

    /// Waits until what `css` names shows `text`, and gives all that it shows.
    pub async fn wait_text(&self, css: &str, text: &str) -> String {
        eventually(&format!("{css} shows {text:?}"), async || {
            let path = format!("{}/text", self.find(css).await?);
            let shown = self.ask(Method::GET, &path, &Value::Null).await?;
            let shown = shown.as_str().unwrap_or_default();
            if shown.contains(text) { Ok(shown.to_owned()) } else { Err(shown.to_owned()) }
        })
        .await
    }

    /// What `css` names shows.
    pub async fn text(&self, css: &str) -> String {
        self.wait_text(css, "").await
    }

    /// Whether what `css` names can be seen.
    pub async fn is_shown(&self, css: &str) -> bool {
        let element = self.wait_for(css).await;
        self.get(&format!("{element}/displayed")).await == true
    }

    /// How many things `css` names.
    pub async fn count(&self, css: &str) -> usize {
        let by = json!({ "using": "css selector", "value": css });
        let found = self.post("/elements", by).await;
        found.as_array().expect("a list").len()
    }

    /// What a script of the test's own gives in the page.
    pub async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Where the page is.
    pub async fn url(&self) -> String {
        self.get("/url").await.as_str().expect("an address").to_owned()
    }

    /// Loads the page anew.
    pub async fn reload(&self) {
        self.post("/refresh", json!({})).await;
    }

    /// Keeps a picture of the page in the directory that `TENTPOLE_PICTURES` names, if it does.
    pub async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("TENTPOLE_PICTURES") else { return };
        let picture = self.get("/screenshot").await;
        let bytes = BASE64_STANDARD.decode(picture.as_str().expect("a picture"));
        let path = std::path::Path::new(&folder).join(name);
        std::fs::write(path, bytes.expect("a picture")).expect("a file");
    }

    /// Expects the page to fit its width, and everything that is touched to be large enough for a
    /// finger.
    pub async fn must_fit(&self, what: &str) {
        let wide = self
            .run(
                "const page = document.documentElement; return page.scrollWidth - page.clientWidth",
            )
            .await;
        assert_eq!(wide, 0, "{what} is wider than its window");
        let small = self
            .run(
                "return [...document.querySelectorAll('button, a, input:not([type=radio])')]
                    .filter((one) => one.checkVisibility() && one.offsetHeight < 44)
                    .map((one) => one.outerHTML)",
            )
            .await;
        assert_eq!(small, json!([]), "{what} has what is too small for a finger");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browsers when it is asked to stop, and not when it is killed.
        let stop = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        if stop.is_err() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
