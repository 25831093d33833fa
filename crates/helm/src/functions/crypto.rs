//! Digests, passwords and encryption.

use aes::Aes256;
use aes::cipher::block_padding::{NoPadding, Pkcs7};
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{KeyInit as _, Mac as _};
use rand::RngExt as _;
use sha2::Digest as _;

use super::Table;
use crate::go::{Str, Value};

pub(super) fn add(table: &mut Table) {
    table.add("sha1sum", |text: Str| hex(&sha1::Sha1::digest(text.as_bytes())));
    table.add("sha256sum", |text: Str| hex(&sha2::Sha256::digest(text.as_bytes())));
    table.add("sha512sum", |text: Str| hex(&sha2::Sha512::digest(text.as_bytes())));
    table.add("adler32sum", |text: Str| {
        let mut adler = adler2::Adler32::new();
        adler.write_slice(text.as_bytes());
        adler.checksum().to_string()
    });
    table.add("bcrypt", |text: Str| hash_password(&text));
    table.add("htpasswd", |user: Str, password: Str| {
        if user.as_bytes().contains(&b':') {
            return format!("invalid username: {user}");
        }
        format!("{user}:{}", hash_password(&password))
    });
    table.add("derivePassword", |counter: Value, kind: Str, password: Str, user: Str, site: Str| {
        derive_password(&counter, &kind, &password, &user, &site)
    });
    table.add("encryptAES", |password: Str, text: Str| encrypt(&password, &text));
    table.add("decryptAES", |password: Str, text: Str| decrypt(&password, &text));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// bcrypt at Go's default cost, with the prefix that Go writes.
fn hash_password(password: &Str) -> String {
    if password.len() > 72 {
        return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_owned();
    }
    match bcrypt::hash_with_result(password.as_bytes(), 10) {
        Ok(parts) => parts.format_for_version(bcrypt::Version::TwoA),
        Err(error) => format!("failed to encrypt string with bcrypt: {error}"),
    }
}

/// The templates of the Master Password algorithm, by type.
fn password_templates(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn password_characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

fn derive_password(
    counter: &Value,
    kind: &Str,
    password: &Str,
    user: &Str,
    site: &Str,
) -> Result<String, String> {
    const SEED: &[u8] = b"com.lyndir.masterpassword";
    let counter = u32::try_from(super::numbers::to_int(counter)).map_err(|error| error.to_string())?;
    let Some(templates) = password_templates(&kind.to_text()) else {
        return Ok(format!("cannot find password template {kind}"));
    };
    let salted = |text: &Str| -> Result<Vec<u8>, String> {
        let length = u32::try_from(text.len()).map_err(|error| error.to_string())?;
        Ok([SEED, &length.to_be_bytes(), text.as_bytes()].concat())
    };
    let parameters = scrypt::Params::new(15, 8, 2).map_err(|error| error.to_string())?;
    let mut key = [0u8; 64];
    scrypt::scrypt(password.as_bytes(), &salted(user)?, &parameters, &mut key)
        .map_err(|error| error.to_string())?;
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).map_err(|error| error.to_string())?;
    mac.update(&salted(site)?);
    mac.update(&counter.to_be_bytes());
    let seed = mac.finalize().into_bytes();
    let template = templates[usize::from(seed[0]) % templates.len()];
    Ok(template
        .bytes()
        .zip(&seed[1..])
        .map(|(class, byte)| {
            let characters = password_characters(class);
            char::from(characters[usize::from(*byte) % characters.len()])
        })
        .collect())
}

/// sprig's key: the password itself, cut or filled with zeros to 32 bytes.
fn aes_key(password: &Str) -> [u8; 32] {
    let mut key = [0u8; 32];
    for (to, from) in key.iter_mut().zip(password.as_bytes()) {
        *to = *from;
    }
    key
}

fn encrypt(password: &Str, text: &Str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let iv: [u8; 16] = rand::rng().random();
    let cipher = cbc::Encryptor::<Aes256>::new(&aes_key(password).into(), &iv.into());
    let encrypted = cipher.encrypt_padded_vec::<Pkcs7>(text.as_bytes());
    Ok(STANDARD.encode([iv.as_slice(), &encrypted].concat()))
}

fn decrypt(password: &Str, text: &Str) -> Result<Vec<u8>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = STANDARD.decode(text.as_bytes()).map_err(|error| error.to_string())?;
    let Some((iv, encrypted)) = bytes.split_first_chunk::<16>() else {
        return Err("runtime error: slice bounds out of range".to_owned());
    };
    let cipher = cbc::Decryptor::<Aes256>::new(&aes_key(password).into(), iv.into());
    let mut plain = cipher
        .decrypt_padded_vec::<NoPadding>(encrypted)
        .map_err(|_| "crypto/cipher: input not full blocks".to_owned())?;
    // The last byte says how many to leave out, whatever the others are.
    let padding = plain.last().map_or(0, |byte| usize::from(*byte));
    let kept = plain.len().checked_sub(padding).ok_or("runtime error: slice bounds out of range")?;
    plain.truncate(kept);
    Ok(plain)
}
