//! Private keys and X.509 certificates.

use std::net::IpAddr;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dsa::{Components, KeySize, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize, SanType,
};

use super::conversion::AnyList;
use super::{Int, Table};
use crate::go::{Kind, Object, Str, Value};

pub(super) fn add(table: &mut Table) {
    table.add("genPrivateKey", |kind: Str| private_key(&kind.to_text()));
    table.add("buildCustomCert", |certificate: Str, key: Str| build_custom(&certificate, &key));
    table.add("genCA", |name: Str, days: Int| authority(&name, days, new_key()?));
    table.add("genCAWithKey", |name: Str, days: Int, key: Str| authority(&name, days, read_key(&key)?));
    table.add("genSelfSignedCert", |name: Str, ips: AnyList, names: AnyList, days: Int| {
        self_signed(&name, &ips, &names, days, new_key()?)
    });
    table.add("genSelfSignedCertWithKey", |name: Str, ips: AnyList, names: AnyList, days: Int, key: Str| {
        self_signed(&name, &ips, &names, days, read_key(&key)?)
    });
    table.add("genSignedCert", |name: Str, ips: AnyList, names: AnyList, days: Int, by: Certificate| {
        signed(&name, &ips, &names, days, &by, new_key()?)
    });
    table.add(
        "genSignedCertWithKey",
        |name: Str, ips: AnyList, names: AnyList, days: Int, by: Certificate, key: Str| {
            signed(&name, &ips, &names, days, &by, read_key(&key)?)
        },
    );
}

/// sprig's `certificate`: both parts as PEM.
#[derive(Debug, Clone, Default)]
pub struct Certificate {
    cert: Str,
    key: Str,
}

impl Certificate {
    /// The certificate that a value is.
    pub(super) fn of(value: &Value) -> Option<&Certificate> {
        let Value::Object(object) = value else { return None };
        object.as_any().downcast_ref()
    }
}

impl From<Certificate> for Value {
    fn from(certificate: Certificate) -> Value {
        Value::Object(Rc::new(certificate))
    }
}

impl Object for Certificate {
    fn type_name(&self) -> &'static str {
        "sprig.certificate"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Cert" => Some(Value::String(self.cert.clone())),
            "Key" => Some(Value::String(self.key.clone())),
            _ => None,
        }
    }

    fn print(&self) -> String {
        format!("{{{} {}}}", self.cert, self.key)
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({"Cert": self.cert.to_text(), "Key": self.key.to_text()})
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in encoded.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// The element of a DER value: tag, content, and what follows.
fn der_element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (bytes.iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The key within PKCS #8: version, algorithm, and the octets of the key's own form.
fn inner_key(pkcs8: &[u8]) -> Option<&[u8]> {
    let (_, sequence, _) = der_element(pkcs8)?;
    let (_, _, rest) = der_element(sequence)?;
    let (_, _, rest) = der_element(rest)?;
    let (_, octets, _) = der_element(rest)?;
    Some(octets)
}

/// A key as Go writes it: PKCS #1 for RSA, SEC 1 for curves, else PKCS #8.
fn key_pem(key: &KeyPair) -> Result<String, String> {
    let pkcs8 = key.serialized_der();
    let damaged = || "the key has no PKCS #8 form".to_owned();
    if key.is_compatible(&PKCS_RSA_SHA256) {
        return Ok(pem("RSA PRIVATE KEY", inner_key(pkcs8).ok_or_else(damaged)?));
    }
    if key.is_compatible(&PKCS_ECDSA_P256_SHA256) {
        let (_, sequence, _) = inner_key(pkcs8).and_then(der_element).ok_or_else(damaged)?;
        let (_, _, rest) = der_element(sequence).ok_or_else(damaged)?;
        let (_, secret, _) = der_element(rest).ok_or_else(damaged)?;
        // SEC 1 names the curve, which PKCS #8 does outside.
        let mut der = vec![0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
        der.extend_from_slice(secret);
        der.extend_from_slice(&[0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
        der.extend_from_slice(&[0xa1, 0x44, 0x03, 0x42, 0x00]);
        der.extend_from_slice(rcgen::PublicKeyData::der_bytes(key));
        return Ok(pem("EC PRIVATE KEY", &der));
    }
    Ok(pem("PRIVATE KEY", pkcs8))
}

fn private_key(kind: &str) -> Result<String, String> {
    let key = match kind {
        "" | "rsa" => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096),
        "ecdsa" => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        "ed25519" => KeyPair::generate_for(&PKCS_ED25519),
        "dsa" => return dsa_key(),
        other => return Ok(format!("Unknown type {other}")),
    };
    key_pem(&key.map_err(|error| format!("failed to generate private key: {error}"))?)
}

/// A key for DSA, with parameters of its own, in the form that OpenSSL gave such keys.
fn dsa_key() -> Result<String, String> {
    let failed = |what: &str| format!("failed to generate {what}");
    let mut random = rand::rng();
    let parameters = Components::try_generate_from_rng_with_key_size(&mut random, KeySize::DSA_2048_256)
        .map_err(|_| failed("dsa params"))?;
    let key = SigningKey::try_generate_from_rng_with_components(&mut random, parameters)
        .map_err(|_| failed("private key"))?;
    let public = key.verifying_key();
    let parameters = public.components();
    let mut numbers = der(0x02, &[0]);
    for number in [parameters.p().as_ref(), parameters.q(), parameters.g(), public.y(), key.x()] {
        let bytes = number.to_be_bytes();
        let significant = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
        // A first bit that is set would make the number negative.
        let mut content = vec![0; usize::from(bytes.get(significant).is_none_or(|byte| byte & 0x80 != 0))];
        content.extend_from_slice(&bytes[significant..]);
        numbers.extend(der(0x02, &content));
    }
    Ok(pem("DSA PRIVATE KEY", &der(0x30, &numbers)))
}

/// A DER value.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let mut value = vec![tag];
    if significant.len() > 1 || significant[0] >= 0x80 {
        // As many bytes as a length has, which is fewer than 0x80.
        value.push(0x80 | significant.len() as u8);
    }
    value.extend_from_slice(significant);
    value.extend_from_slice(content);
    value
}

/// A key, and the text by which the chart gets it back.
struct Key {
    pair: KeyPair,
    pem: String,
}

fn new_key() -> Result<Key, String> {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
        .map_err(|error| format!("error generating rsa key: {error}"))?;
    let pem = key_pem(&pair)?;
    Ok(Key { pair, pem })
}

fn read_key(text: &Str) -> Result<Key, String> {
    let text = text.to_text();
    let pair = KeyPair::from_pem(&text).map_err(|error| format!("parsing private key: {error}"))?;
    // A key in a form of its own comes back in that form.
    let pem = if text.contains("BEGIN PRIVATE KEY") { key_pem(&pair)? } else { text.into_owned() };
    Ok(Key { pair, pem })
}

fn build_custom(certificate: &Str, key: &Str) -> Result<Certificate, String> {
    let decode = |text: &Str, what: &str| {
        STANDARD.decode(text.as_bytes()).map_err(|_| format!("unable to decode base64 {what}"))
    };
    let cert = Str::from(decode(certificate, "certificate")?);
    let key = Str::from(decode(key, "private key")?);
    let pair =
        KeyPair::from_pem(&key.to_text()).map_err(|error| format!("error parsing private key: {error}"))?;
    Issuer::from_ca_cert_pem(&cert.to_text(), &pair)
        .map_err(|_| "unable to decode certificate".to_owned())?;
    Ok(Certificate { cert, key })
}

fn parameters(name: &Str, ips: &AnyList, names: &AnyList, days: Int) -> Result<CertificateParams, String> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name.to_text().into_owned());
    for value in ips.0.iter().flatten() {
        let text = text_of(value).ok_or_else(|| not_text("error parsing ip", value))?;
        let ip: IpAddr = text.parse().map_err(|_| format!("error parsing ip: {text}"))?;
        parameters.subject_alt_names.push(SanType::IpAddress(ip));
    }
    for value in names.0.iter().flatten() {
        let text = text_of(value).ok_or_else(|| not_text("error processing alternate dns name", value))?;
        let name =
            text.clone().try_into().map_err(|_| format!("error processing alternate dns name: {text}"))?;
        parameters.subject_alt_names.push(SanType::DnsName(name));
    }
    let now = std::time::SystemTime::now();
    let seconds = u64::try_from(days.0.max(0)).unwrap_or(0).saturating_mul(86_400).min(3_000_000_000);
    parameters.not_before = now.into();
    parameters.not_after = (now + std::time::Duration::from_secs(seconds)).into();
    parameters.key_usages = vec![KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(parameters)
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_text().into_owned()),
        _ => None,
    }
}

fn not_text(what: &str, value: &Value) -> String {
    let shown = crate::go::format::sprint(value);
    format!("{what}: {} is not a string", String::from_utf8_lossy(&shown))
}

fn finish(certificate: &rcgen::Certificate, key: Key) -> Certificate {
    Certificate { cert: pem("CERTIFICATE", certificate.der()).into(), key: key.pem.into() }
}

fn failed(error: rcgen::Error) -> String {
    format!("error creating certificate: {error}")
}

fn authority(name: &Str, days: Int, key: Key) -> Result<Certificate, String> {
    let mut parameters = parameters(name, &AnyList(None), &AnyList(None), days)?;
    parameters.key_usages.push(KeyUsagePurpose::KeyCertSign);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(finish(&parameters.self_signed(&key.pair).map_err(failed)?, key))
}

fn self_signed(
    name: &Str,
    ips: &AnyList,
    names: &AnyList,
    days: Int,
    key: Key,
) -> Result<Certificate, String> {
    let mut parameters = parameters(name, ips, names, days)?;
    parameters.is_ca = IsCa::ExplicitNoCa;
    Ok(finish(&parameters.self_signed(&key.pair).map_err(failed)?, key))
}

fn signed(
    name: &Str,
    ips: &AnyList,
    names: &AnyList,
    days: Int,
    by: &Certificate,
    key: Key,
) -> Result<Certificate, String> {
    let signer = KeyPair::from_pem(&by.key.to_text())
        .map_err(|error| format!("error parsing private key: {error}"))?;
    let issuer = Issuer::from_ca_cert_pem(&by.cert.to_text(), signer)
        .map_err(|_| "unable to decode certificate".to_owned())?;
    let mut parameters = parameters(name, ips, names, days)?;
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.use_authority_key_identifier_extension = true;
    Ok(finish(&parameters.signed_by(&key.pair, &issuer).map_err(failed)?, key))
}

#[cfg(test)]
mod tests {
    use dsa::{BoxedUint, VerifyingKey};

    use super::*;

    #[test]
    fn a_key_for_dsa_is_the_sequence_of_its_numbers_and_they_fit_each_other() {
        let pem = private_key("dsa").unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let bytes = STANDARD.decode(body).unwrap();
        let (tag, mut rest, after) = der_element(&bytes).unwrap();
        assert_eq!((tag, after), (0x30, &[][..]));
        let mut numbers = Vec::new();
        while let Some((tag, content, after)) = der_element(rest) {
            assert_eq!(tag, 0x02);
            let content = content.strip_prefix(&[0]).unwrap_or(content);
            numbers.push(BoxedUint::from_be_slice_vartime(content));
            rest = after;
        }
        let [_, p, q, g, y, x] = numbers.try_into().unwrap();
        assert_eq!((p.bits_precision(), q.bits_precision()), (2048, 256));
        let public = VerifyingKey::from_components(Components::from_components(p, q, g).unwrap(), y).unwrap();
        assert!(SigningKey::from_components(public, x).is_ok());
    }
}
