//! What it takes to be let in: from Secrets of the fleet, or from a folder beside it, for
//! passwords have no business in Git.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use serde_json::Value;

use crate::api::is_secret_name;
use crate::fleet::{Access, NoChart, SecretData};
use crate::git::SshKey;

/// Who asks, and whom it trusts.
pub(super) struct Identity {
    /// User and password.
    pub credentials: Option<(String, String)>,
    /// Whether other hosts that an index names get them too.
    pub pass_credentials: bool,
    /// The authority that signed the server's certificate, as PEM.
    pub authority: Option<String>,
    /// The certificate that is shown to the server, with its key, as PEM.
    pub certificate: Option<String>,
    /// A token for Git over https.
    pub bearer: Option<String>,
    /// A key for Git over ssh.
    pub key: Option<SshKey>,
    /// Whether nothing is asked.
    pub is_suspended: bool,
}

impl Identity {
    /// What the Secrets of a repository say; those that the fleet does not define are
    /// looked for in the folder.
    ///
    /// # Errors
    /// There is no such Secret.
    pub fn of(access: &Access, repository: &str, folder: Option<&Path>) -> Result<Identity, NoChart> {
        let find =
            |secret: &Option<SecretData>| secret.as_ref().map(|secret| data(secret, folder)).transpose();
        let (login, certificate) = (find(&access.login)?, find(&access.certificate)?);
        let of_login = |data: &BTreeMap<String, String>| {
            let named = || Some((data.get("username")?.clone(), data.get("password")?.clone()));
            named().or_else(|| of_docker(data.get(".dockerconfigjson")?, repository))
        };
        let of_tls = certificate.as_ref().or(login.as_ref());
        let held = |keys: [&str; 2]| keys.iter().find_map(|key| of_tls?.get(*key)).cloned();
        let shown = held(["tls.crt", "certFile"]).zip(held(["tls.key", "keyFile"]));
        let of_git = |key: &str| login.as_ref()?.get(key).cloned();
        let key = match (of_git("identity"), of_git("known_hosts")) {
            (Some(identity), Some(known_hosts)) => Some(SshKey { identity, known_hosts }),
            (None, _) => None,
            (Some(_), None) => {
                return Err(NoChart {
                    message: format!("the Secret for {repository} has an identity, but no known_hosts"),
                    hint: Some("add what `ssh-keyscan` prints of the host, once it is checked".to_owned()),
                });
            }
        };
        Ok(Identity {
            bearer: of_git("bearerToken"),
            key,
            credentials: login.as_ref().and_then(of_login),
            pass_credentials: access.pass_credentials,
            authority: held(["ca.crt", "caFile"]),
            certificate: shown.map(|(shown, key)| format!("{shown}\n{key}\n")),
            is_suspended: access.is_suspended,
        })
    }
}

/// What a Secret holds.
fn data(secret: &SecretData, folder: Option<&Path>) -> Result<BTreeMap<String, String>, NoChart> {
    let (namespace, name) = match secret {
        SecretData::Defined(data) => return Ok(data.clone()),
        SecretData::Named { namespace, name } => (namespace, name),
    };
    let missing = |place: String| NoChart {
        message: format!("the repository needs the Secret {namespace}/{name}, which is {place}"),
        hint: Some(format!(
            "put its keys as files into DIR/{name}/ and give --secrets-dir DIR, or define it in the fleet repository"
        )),
    };
    let Some(folder) = folder else { return Err(missing("not defined".to_owned())) };
    if !is_secret_name(namespace) || !is_secret_name(name) {
        return Err(missing("no name of a Secret".to_owned()));
    }
    let places: [PathBuf; 2] = [folder.join(namespace).join(name), folder.join(name)];
    let read = |place: &PathBuf| {
        let entries = SecretData::KEYS.iter().filter_map(|key| {
            let text = std::fs::read_to_string(place.join(key)).ok()?;
            // A file ends with a line break that a password has not.
            Some(((*key).to_owned(), text.trim_end_matches(['\n', '\r']).to_owned()))
        });
        Some(entries.collect::<BTreeMap<String, String>>()).filter(|data| !data.is_empty())
    };
    places.iter().find_map(read).ok_or_else(|| {
        let looked_at: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        missing(format!("neither defined nor in {}", looked_at.join(" or ")))
    })
}

/// The user and password that Docker's configuration has for a registry.
fn of_docker(text: &str, repository: &str) -> Option<(String, String)> {
    let host = repository.split('/').next().unwrap_or_default();
    let configuration: Value = serde_json::from_str(text).ok()?;
    let known = configuration["auths"].as_object()?;
    let is_host = |name: &str| {
        let name = name.trim_start_matches("https://").trim_start_matches("http://");
        name.split('/').next() == Some(host)
    };
    let (_, entry) = known.iter().find(|(name, _)| is_host(name))?;
    if let (Some(user), Some(password)) = (entry["username"].as_str(), entry["password"].as_str()) {
        return Some((user.to_owned(), password.to_owned()));
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(entry["auth"].as_str()?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_configuration_gives_the_login_of_its_registry() {
        let text = r#"{"auths": {"https://a.example/v1/": {"auth": "dTpwOnE="}, "b.example:5000": {"username": "x", "password": "y"}}}"#;
        let login = |repository| of_docker(text, repository);
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(login("a.example/charts/web"), pair("u", "p:q"));
        assert_eq!(login("b.example:5000/web"), pair("x", "y"));
        assert_eq!(login("c.example/web"), None);
    }

    #[test]
    fn secrets_that_the_fleet_does_not_define_are_those_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("login/username", "someone\n");
        write("login/password", "wrong\n");
        write("apps/login/username", "user\n");
        write("apps/login/password", "secret\n");
        write("secret/username", "out of reach");
        let of = |namespace: &str, name: &str, folder: Option<&Path>| {
            let login = Some(SecretData::Named { namespace: namespace.to_owned(), name: name.to_owned() });
            let access = Access { login, ..Access::default() };
            Identity::of(&access, "charts.example", folder).map(|identity| identity.credentials)
        };
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(of("apps", "login", Some(folder.path())), Ok(pair("user", "secret")));
        assert_eq!(of("other", "login", Some(folder.path())), Ok(pair("someone", "wrong")));
        for (namespace, name) in [("apps", "none"), ("apps", "../secret"), ("..", "login"), ("apps", "..")] {
            let problem = of(namespace, name, Some(folder.path())).unwrap_err();
            assert!(problem.message.contains(name) && problem.hint.is_some(), "{problem:?}");
        }
        assert!(of("apps", "login", None).is_err());
    }
}
