//! Clients that send too much, too slowly, or never read.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use syncline_apiserver::{Account, Options, Server};
use syncline_testutils::{Client, Memory, User, real};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Process, embedded, runtime};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[test]
fn bodies_that_are_too_large_too_deep_or_explode_are_refused_as_the_real_server_does() {
    let Some(real) = real() else { return };
    let real = Client::new(&real.kubeconfig(User::Admin));
    let deep = |open: &str, close: &str, depth: usize| {
        format!(
            "{{\"metadata\": {{\"name\": \"deep\"}}, \"data\": {}{}}}",
            open.repeat(depth),
            close.repeat(depth)
        )
    };
    let mut bomb = String::from("metadata: {name: bomb}\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = level - 1;
        let nine = vec![format!("*a{before}"); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{nine}]\n"));
    }
    let large = json!({"metadata": {"name": "large"}, "data": {"a": "x".repeat(4 << 20)}}).to_string();
    let cases = [
        (Method::POST, MAPS.to_owned(), "application/json", large.clone()),
        (Method::POST, MAPS.to_owned(), "application/yaml", large),
        (Method::POST, MAPS.to_owned(), "application/json", deep("{\"a\":", "}", 20_000)),
        (Method::POST, MAPS.to_owned(), "application/json", deep("[", "]", 200_000)),
        (Method::POST, MAPS.to_owned(), "application/yaml", deep("{a: ", "}", 20_000)),
        (Method::POST, MAPS.to_owned(), "application/yaml", bomb.clone()),
        (Method::PATCH, format!("{MAPS}/bomb?fieldManager=a"), "application/apply-patch+yaml", bomb),
        (Method::POST, MAPS.to_owned(), "application/json", "\u{0}\u{1}".into()),
        (Method::POST, MAPS.to_owned(), "application/vnd.kubernetes.protobuf", "k8s\u{0}\u{7f}\u{7f}".into()),
        (Method::POST, MAPS.to_owned(), "application/vnd.kubernetes.protobuf", "{}".into()),
    ];
    runtime().block_on(async {
        let (server, ours) = embedded().await;
        let mut wrong = Vec::new();
        for (method, path, media_type, body) in cases {
            let headers = [("content-type", media_type)];
            let expected = real.send(method.clone(), &path, &headers, body.clone()).await;
            let started = Instant::now();
            let found = ours.send(method, &path, &headers, body.clone()).await;
            assert!(started.elapsed() < Duration::from_secs(10), "{path}");
            if expected.status != found.status {
                let beginning: String = body.chars().take(60).collect();
                let told = |body: &[u8]| String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
                wrong.push(format!(
                    "{media_type} {beginning}:\n real {}: {}\n ours {}: {}",
                    expected.status,
                    told(&expected.body),
                    found.status,
                    told(&found.body)
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        server.stop().await;
    });
}

#[tokio::test]
async fn who_connects_and_says_nothing_is_let_go_and_hinders_nobody() {
    let options = Options { patience: Duration::from_secs(2), ..Options::default() };
    let server = Server::start(options).await.expect("it starts");
    // Each on a connection of its own: an idle one is let go as well.
    let kubeconfig = server.kubeconfig(&Account::admin()).expect("a kubeconfig");
    let mut silent = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(server.address()).await.expect("it listens");
        // The beginning of a TLS record, and never its end.
        stream.write_all(&[0x16, 0x03]).await.expect("sent");
        silent.push(stream);
    }
    assert_eq!(Client::new(&kubeconfig).get("/version").await.status, 200);
    for stream in &mut silent {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "it is let go");
    }
    assert_eq!(Client::new(&kubeconfig).get("/version").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_watch_that_never_reads_costs_others_nothing_and_is_told_when_it_is_too_late() {
    // A process of its own, whose memory is nobody else's.
    let folder = tempfile::tempdir().expect("a folder");
    let (process, client) = Process::start(folder.path(), &[]);
    let mut idle = client.watch(&format!("{MAPS}?watch=true")).await;
    let mut attentive = client.watch(&format!("{MAPS}?watch=true")).await;
    let before = Memory::of(process.id()).now;
    let text = "x".repeat(20_000);
    let rounds: usize = 4000;
    client.create(MAPS, &json!({"metadata": {"name": "busy"}})).await;
    let writing = async {
        for round in 0..rounds {
            let patch = json!({"data": {"round": round.to_string(), "text": text}});
            let answer = client.patch(&format!("{MAPS}/busy"), "merge-patch+json", &patch).await;
            assert_eq!(answer.status, 200);
        }
    };
    let reading = async {
        let (mut last, end) = (Value::Null, Value::from((rounds - 1).to_string()));
        while last != end {
            let event = attentive.next().await.expect("an event");
            assert!(event["type"] != "ERROR", "{event}");
            last = event["object"]["data"]["round"].clone();
        }
    };
    tokio::join!(writing, reading);
    // 80 MB went by; nobody keeps them for a reader that does not read.
    let grown = Memory::of(process.id()).now - before;
    assert!(grown < 70.0, "{grown} MiB more");
    // When it reads at last, it gets the beginning, and is told that the middle is gone.
    let mut seen = 0;
    let ended = loop {
        match tokio::time::timeout(Duration::from_secs(10), idle.next()).await.expect("it goes on") {
            Some(event) if event["type"] == "ERROR" => break event["object"]["code"] == 410,
            Some(_) => seen += 1,
            None => break false,
        }
    };
    assert!(ended && seen > 0 && seen < rounds, "{seen}");
}
