//! The certificates of a server: an authority of its own, a certificate for the
//! server and one for every account; and the kubeconfigs that hold them.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;

use super::Account;

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// Signs the certificates of a server and its users.
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, in PEM.
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// Opens the authority of a data folder, making it at first; without a folder it
    /// lives as long as the process.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn open(folder: Option<&Path>) -> Result<Authority, AuthorityError> {
        let Some(folder) = folder else { return Authority::new() };
        let (certificate, key) = (folder.join("ca.crt"), folder.join("ca.key"));
        if key.exists() {
            let key_text = read(&key)?;
            let text = read(&certificate)?;
            let issuer = Issuer::from_ca_cert_pem(&text, KeyPair::from_pem(&key_text)?)?;
            return Ok(Authority { certificate: text, issuer });
        }
        let authority = Authority::new()?;
        write_private(&certificate, &authority.certificate)?;
        write_private(&key, &authority.issuer.key().serialize_pem())?;
        Ok(authority)
    }

    fn new() -> Result<Authority, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = params("syncline-ca", &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key)?.pem();
        Ok(Authority { certificate, issuer: Issuer::new(params, key) })
    }

    /// The certificate of the authority, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for the server under some names and addresses.
    ///
    /// # Errors
    /// When a name is none.
    pub fn server(
        &self,
        names: &[String],
    ) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), AuthorityError> {
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = named("syncline-apiserver", &[]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((certificate.der().clone(), PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))))
    }

    /// A certificate for an account: the name is its common name, the groups are its
    /// organizations.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn client(&self, account: &Account) -> Result<Pair, AuthorityError> {
        let mut params = params(&account.name, &account.groups)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Pair { certificate, key: key.serialize_pem() })
    }

    /// A kubeconfig for an account on a server.
    ///
    /// # Errors
    /// When its certificate cannot be made.
    pub fn kubeconfig(&self, account: &Account, server: &str) -> Result<String, AuthorityError> {
        let pair = self.client(account)?;
        let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let config = json!({
            "apiVersion": "v1", "kind": "Config",
            "clusters": [{"name": "syncline", "cluster": {
                "server": server, "certificate-authority-data": encoded(&self.certificate),
            }}],
            "users": [{"name": account.name, "user": {
                "client-certificate-data": encoded(&pair.certificate), "client-key-data": encoded(&pair.key),
            }}],
            "contexts": [{"name": "syncline", "context": {"cluster": "syncline", "user": account.name}}],
            "current-context": "syncline",
        });
        let mut out = String::new();
        syncline_manifest::yaml::write(&mut out, &config);
        Ok(out)
    }

    /// A kubeconfig with a token in the place of a certificate.
    pub fn token_kubeconfig(&self, name: &str, token: &str, server: &str) -> String {
        let config = json!({
            "apiVersion": "v1", "kind": "Config",
            "clusters": [{"name": "syncline", "cluster": {
                "server": server,
                "certificate-authority-data": base64::engine::general_purpose::STANDARD.encode(&self.certificate),
            }}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "syncline", "context": {"cluster": "syncline", "user": name}}],
            "current-context": "syncline",
        });
        let mut out = String::new();
        syncline_manifest::yaml::write(&mut out, &config);
        out
    }
}

fn params(name: &str, organizations: &[String]) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = named(name, organizations);
    Ok(params)
}

fn named(name: &str, organizations: &[String]) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    // One entry a certificate: several groups are told apart by a comma, which no
    // group name holds.
    if !organizations.is_empty() {
        distinguished.push(DnType::OrganizationName, organizations.join(","));
    }
    distinguished
}

fn read(path: &Path) -> Result<String, AuthorityError> {
    std::fs::read_to_string(path).map_err(|error| AuthorityError::File { path: path.to_owned(), error })
}

/// Writes a file that only its owner reads, as a whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, text: &str) -> Result<(), AuthorityError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |error| AuthorityError::File { path: path.to_owned(), error };
    let temporary = path.with_extension("new");
    // A leftover of another mode would keep it.
    std::fs::remove_file(&temporary).ok();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&temporary, path).map_err(failed)
}
