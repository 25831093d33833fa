//! What a server answers to a script of requests, in lines that can be compared.

use std::sync::LazyLock;

use http::Method;
use regex::Regex;
use serde_json::{Value, json};
use syncline_testutils::{Client, User, real};

use super::{comparable, embedded, runtime};

/// What differs from server to server in a path.
static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(resourceVersion=|made-|Time\W+)[a-z0-9]{2,}[-:TZ0-9]*";
    Regex::new(pattern).expect("a pattern")
});

/// What was asked and answered, without what differs from server to server.
pub struct Transcript<'c> {
    pub client: &'c Client,
    lines: Vec<String>,
}

impl<'c> Transcript<'c> {
    pub fn new(client: &'c Client) -> Transcript<'c> {
        Transcript { client, lines: Vec::new() }
    }

    pub fn lines(self) -> Vec<String> {
        self.lines
    }

    /// Sends a request, notes the answer, gives it.
    pub async fn say(&mut self, method: Method, path: &str, body: Value) -> Value {
        self.say_as(method, path, "application/json", body).await
    }

    pub async fn patch(&mut self, path: &str, language: &str, body: Value) -> Value {
        self.say_as(Method::PATCH, path, &format!("application/{language}"), body).await
    }

    async fn say_as(&mut self, method: Method, path: &str, media_type: &str, body: Value) -> Value {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.say_text(method, path, media_type, text).await
    }

    pub async fn say_text(&mut self, method: Method, path: &str, media_type: &str, body: String) -> Value {
        let headers = [("content-type", media_type), ("user-agent", "conformance/1")];
        let answer = self.client.send(method.clone(), path, &headers, body).await;
        let warnings: Vec<_> = answer.headers.get_all("warning").iter().map(|it| it.to_str().ok()).collect();
        let value: Value = serde_json::from_slice(&answer.body)
            .unwrap_or_else(|_| String::from_utf8_lossy(&answer.body).into_owned().into());
        let shown = VERSION.replace_all(&shown(&value), "${1}THEN").into_owned();
        let path = path.split("continue=").next().unwrap_or_default();
        let path = VERSION.replace_all(path, "${1}THEN");
        self.note(format!("{method} {path} -> {} {shown} {warnings:?}", answer.status));
        value
    }

    pub fn note(&mut self, line: String) {
        self.lines.push(line);
    }
}

/// Lists by their names and how they go on, everything else as it is.
fn shown(value: &Value) -> String {
    if !value.is_object() {
        return value.to_string();
    }
    let Some(items) = value["items"].as_array() else {
        let mut value = comparable(value.clone());
        // Told in words of its own, for people.
        if value["kind"] == "Status" {
            value = json!({"reason": value["reason"], "code": value["code"], "status": value["status"]});
        }
        if let Some(time) = value.pointer_mut("/metadata/deletionTimestamp") {
            *time = "TIME".into();
        }
        return value.to_string();
    };
    let names: Vec<&str> = items.iter().filter_map(|item| item["metadata"]["name"].as_str()).collect();
    let goes_on = value["metadata"]["continue"].as_str().is_some_and(|token| !token.is_empty());
    format!("{names:?} goes on: {goes_on}, {} more", value["metadata"]["remainingItemCount"])
}

/// Plays a script to both servers, in a namespace of this process, and compares.
pub fn play_to_both(name: &str, play: impl AsyncFn(&Client, &str) -> Vec<String>) {
    let Some(real) = real() else { return };
    let real = Client::new(&real.kubeconfig(User::Admin));
    runtime().block_on(async {
        let (server, ours) = embedded().await;
        let namespace = format!("{name}-{}", std::process::id());
        let (expected, found) = tokio::join!(play(&real, &namespace), play(&ours, &namespace));
        let mut wrong = Vec::new();
        for (expected, found) in expected.iter().zip(&found) {
            if expected != found {
                wrong.push(format!("real: {expected}\nours: {found}\n"));
            }
        }
        assert!(
            wrong.is_empty() && expected.len() == found.len(),
            "{} differ:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
        server.stop().await;
    });
}
