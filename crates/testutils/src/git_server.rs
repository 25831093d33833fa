//! Git over HTTPS for who knows a password or shows it as a token: the real
//! `git http-backend` behind a small TLS server on loopback.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use tempfile::TempDir;

use super::certificates::{Certificates, Clients, Stream};

/// Serves the bare repositories of a folder to one user.
#[derive(Debug)]
pub struct GitServer {
    port: u16,
    folder: TempDir,
    stop: Arc<AtomicBool>,
}

impl GitServer {
    /// Starts serving the repositories below a folder.
    pub fn start(root: &Path, username: &str, password: &str) -> GitServer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let certificates = Arc::new(Certificates::new(Clients::Anyone));
        std::fs::write(folder.path().join("ca.pem"), &certificates.authority).expect("a file");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let stop = Arc::new(AtomicBool::new(false));
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
        let accepted = [format!("Basic {basic}"), format!("Bearer {password}")];
        let (root, stopped) = (root.to_owned(), Arc::clone(&stop));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let (certificates, root, accepted) =
                    (Arc::clone(&certificates), root.clone(), accepted.clone());
                std::thread::spawn(move || serve(certificates.accept(stream)?, &root, &accepted));
            }
        });
        GitServer { port, folder, stop }
    }

    /// The address of a repository.
    pub fn url(&self, repository: &str) -> String {
        format!("https://localhost:{}/{repository}", self.port)
    }

    /// The certificate that clients have to trust, as a file.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        TcpStream::connect(("127.0.0.1", self.port)).ok();
    }
}

/// Answers the requests of one connection; errors end it.
fn serve(stream: Box<dyn Stream>, root: &Path, accepted: &[String]) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let header =
            |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let body = body(&mut reader, header("content-length"), header("transfer-encoding"))?;
        let reply = if header("authorization")
            .is_some_and(|shown| accepted.iter().any(|known| known == shown))
        {
            backend(
                root,
                &method,
                &target,
                header("content-type"),
                header("git-protocol"),
                header("content-encoding"),
                &body,
            )?
        } else {
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\n\r\n"
                .to_vec()
        };
        reader.get_mut().write_all(&reply).ok()?;
        reader.get_mut().flush().ok()?;
    }
}

fn body(reader: &mut impl BufReadExact, length: Option<&str>, encoding: Option<&str>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if encoding == Some("chunked") {
        loop {
            let mut line = String::new();
            reader.line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            reader.exact(&mut chunk)?;
            if size == 0 {
                return Some(body);
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }
    let length: usize = length.unwrap_or("0").parse().ok()?;
    body.resize(length, 0);
    reader.exact(&mut body)?;
    Some(body)
}

trait BufReadExact {
    fn line(&mut self, out: &mut String) -> Option<()>;
    fn exact(&mut self, out: &mut [u8]) -> Option<()>;
}

impl<R: Read> BufReadExact for BufReader<R> {
    fn line(&mut self, out: &mut String) -> Option<()> {
        self.read_line(out).ok().map(|_| ())
    }

    fn exact(&mut self, out: &mut [u8]) -> Option<()> {
        self.read_exact(out).ok()
    }
}

/// Runs `git http-backend` and turns its CGI reply into one of HTTP.
fn backend(
    root: &Path,
    method: &str,
    target: &str,
    content_type: Option<&str>,
    protocol: Option<&str>,
    encoding: Option<&str>,
    body: &[u8],
) -> Option<Vec<u8>> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", content_type.unwrap_or_default())
        .env("HTTP_CONTENT_ENCODING", encoding.unwrap_or_default())
        .env("GIT_PROTOCOL", protocol.unwrap_or_default())
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(body).ok();
    let output = child.wait_with_output().ok()?.stdout;
    let split = output.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&output[..split]).into_owned();
    let content = &output[split + 4..];
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let mut reply = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", content.len());
    for line in head.lines().filter(|line| !line.starts_with("Status: ")) {
        reply.push_str(line);
        reply.push_str("\r\n");
    }
    reply.push_str("\r\n");
    let mut reply = reply.into_bytes();
    reply.extend_from_slice(content);
    Some(reply)
}
