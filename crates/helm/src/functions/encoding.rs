//! Base 64, base 32 and JSON, as sprig has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Table;
use crate::go::json::{Html, marshal, unmarshal};
use crate::go::path;
use crate::go::url::Url;
use crate::go::{Map, Str, Value};

pub(super) fn add(table: &mut Table) {
    table.add("b64enc", |text: Str| STANDARD.encode(text.as_bytes()));
    table.add("b64dec", |text: Str| decode_base64(&text).unwrap_or_else(String::into_bytes));
    table.add("b32enc", |text: Str| encode_base32(text.as_bytes()));
    table.add("b32dec", |text: Str| decode_base32(&text).unwrap_or_else(String::into_bytes));
    // Nothing is given for what has no JSON; only the "must" forms say so.
    table.add("toPrettyJson", |value: Value| marshal(&value, Html::Escaped, true).unwrap_or_default());
    table.add("toRawJson", |value: Value| marshal(&value, Html::Raw, false));
    table.add("mustToJson", |value: Value| marshal(&value, Html::Escaped, false));
    table.add("mustToPrettyJson", |value: Value| marshal(&value, Html::Escaped, true));
    table.add("mustToRawJson", |value: Value| marshal(&value, Html::Raw, false));
    table.add("mustFromJson", |text: Str| unmarshal(text.as_bytes()));

    for (names, operation) in [
        (["base", "osBase"], (|path: &str| path::base(path).to_owned()) as fn(&str) -> String),
        (["dir", "osDir"], path::dir),
        (["clean", "osClean"], path::clean),
        (["ext", "osExt"], |path: &str| path::ext(path).to_owned()),
    ] {
        for name in names {
            table.add(name, move |path: Str| operation(&path.to_text()));
        }
    }
    for name in ["isAbs", "osIsAbs"] {
        table.add(name, |path: Str| path.as_bytes().starts_with(b"/"));
    }

    table.add("urlParse", |text: Str| -> Result<Map, String> {
        let url = Url::parse(&text.to_text()).map_err(|error| format!("unable to parse url: {error}"))?;
        let map = Map::new();
        for (name, value) in [
            ("scheme", url.scheme.as_str()),
            ("host", &url.host),
            ("hostname", url.hostname()),
            ("path", &url.path),
            ("query", &url.query),
            ("opaque", &url.opaque),
            ("fragment", &url.fragment),
            ("userinfo", url.userinfo.as_deref().unwrap_or_default()),
        ] {
            map.insert(name, Value::text(value));
        }
        Ok(map)
    });
    table.add("urlJoin", |parts: Map| url_join(&parts));
}

fn decode_base64(text: &Str) -> Result<Vec<u8>, String> {
    // Go's decoder skips line breaks.
    let compact: Vec<u8> = text.as_bytes().iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    STANDARD.decode(&compact).map_err(|_| {
        let digit = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
        let good = compact.iter().take_while(digit).count();
        // Where digits are missing, the place is that of the first of their group.
        let at = if good == compact.len() { good / 4 * 4 } else { good };
        format!("illegal base64 data at input byte {at}")
    })
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn encode_base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut group = [0u8; 8];
        group[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(group);
        let used = (chunk.len() * 8).div_ceil(5);
        for at in 0..8 {
            let index = usize::try_from(bits >> (35 - 5 * at) & 31).unwrap_or(0);
            out.push(if at < used { char::from(BASE32[index]) } else { '=' });
        }
    }
    out
}

fn decode_base32(text: &Str) -> Result<Vec<u8>, String> {
    let compact: Vec<u8> = text.as_bytes().iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let padding = compact.iter().rev().take_while(|b| **b == b'=').count();
    let digits = &compact[..compact.len() - padding];
    let illegal = |at: usize| format!("illegal base32 data at input byte {at}");
    let value = |digit| BASE32.iter().position(|known| known == digit);
    let values: Vec<u64> = digits.iter().map_while(value).map(|value| value as u64).collect();
    let good = values.len();
    if good < digits.len() {
        return Err(illegal(good));
    }
    if !compact.len().is_multiple_of(8) || !matches!(padding, 0 | 1 | 3 | 4 | 6) {
        // Where digits are missing, the place is that of the first of their group.
        return Err(illegal(if padding == 0 { good / 8 * 8 } else { good }));
    }
    let mut out = Vec::with_capacity(digits.len() * 5 / 8);
    for chunk in values.chunks(8) {
        let bits = chunk.iter().enumerate().fold(0u64, |bits, (at, value)| bits | value << (35 - 5 * at));
        out.extend_from_slice(&bits.to_be_bytes()[3..3 + chunk.len() * 5 / 8]);
    }
    Ok(out)
}

fn url_join(parts: &Map) -> Result<String, String> {
    let part = |name: &str| match parts.get(name.as_bytes()) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.to_text().into_owned()),
        Some(other) => Err(format!(
            "unable to parse {name} key, must be of type string, but {} found",
            other.kind().name()
        )),
    };
    let userinfo = part("userinfo")?;
    let userinfo = if userinfo.is_empty() {
        None
    } else {
        Url::parse(&format!("proto://{userinfo}@host"))
            .map_err(|error| format!("unable to parse userinfo in dict: {error}"))?
            .userinfo
    };
    let url = Url {
        scheme: part("scheme")?,
        opaque: part("opaque")?,
        userinfo,
        host: part("host")?,
        path: part("path")?,
        query: part("query")?,
        fragment: part("fragment")?,
    };
    Ok(url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_goes_there_and_back() {
        for (text, encoded) in [
            ("", ""),
            ("f", "MY======"),
            ("fo", "MZXQ===="),
            ("foo", "MZXW6==="),
            ("foob", "MZXW6YQ="),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI======"),
        ] {
            assert_eq!(encode_base32(text.as_bytes()), encoded);
            assert_eq!(decode_base32(&encoded.into()).unwrap(), text.as_bytes());
        }
        assert!(decode_base32(&"M1======".into()).is_err() && decode_base32(&"MY".into()).is_err());
    }
}
