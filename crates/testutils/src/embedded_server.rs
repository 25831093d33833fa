//! The embedded API server, within the process of the test, with its data on disk.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;

use syncline_apiserver::{Options, Server};
use tempfile::TempDir;

use crate::block_on;
use crate::user::User;

#[derive(Debug)]
pub struct EmbeddedServer {
    folder: TempDir,
    address: SocketAddr,
    /// With a kubeconfig whose token is to be replaced.
    kubeconfig: String,
    server: Mutex<Option<Server>>,
}

impl EmbeddedServer {
    pub fn start() -> EmbeddedServer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // A port that no outgoing connection takes while the server is paused.
        let address = SocketAddr::from(([127, 0, 0, 1], crate::free_port()));
        let server = start(folder.path(), address);
        let kubeconfig = server.token_kubeconfig("test", "TOKEN");
        EmbeddedServer { folder, address, kubeconfig, server: Mutex::new(Some(server)) }
    }

    pub fn pause(&self) {
        if let Some(server) = self.server.lock().expect("no panic").take() {
            block_on(server.stop());
        }
    }

    pub fn resume(&self) {
        *self.server.lock().expect("no panic") = Some(start(self.folder.path(), self.address));
    }

    pub fn kubeconfig(&self, user: User) -> String {
        self.kubeconfig.replace("TOKEN", user.token())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for EmbeddedServer {
    fn drop(&mut self) {
        self.pause();
    }
}

fn start(folder: &Path, address: SocketAddr) -> Server {
    let options = Options {
        data_dir: Some(folder.join("data")),
        listen: Some(address),
        tokens: [User::Admin, User::Limited].map(|user| (user.token().to_owned(), user.account())).into(),
        ..Options::default()
    };
    block_on(Server::start(options)).expect("the embedded server starts")
}
