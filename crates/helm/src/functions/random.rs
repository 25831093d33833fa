//! Random text: a chart that uses it renders otherwise each time.

use base64::Engine as _;
use rand::RngExt as _;

use super::{Int, Table};
use crate::go::Str;

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// More than any secret needs; a template that asks for more is stopped.
const MAX_LENGTH: i64 = 16 << 20;

pub(super) fn add(table: &mut Table) {
    table.add("randNumeric", |count: Int| {
        from_alphabet(count.0, |rng| DIGITS[rng.random_range(0..DIGITS.len())])
    });
    table.add("randAlpha", |count: Int| {
        from_alphabet(count.0, |rng| LETTERS[rng.random_range(0..LETTERS.len())])
    });
    table.add("randAlphaNum", |count: Int| {
        from_alphabet(count.0, |rng| {
            let at = rng.random_range(0..DIGITS.len() + LETTERS.len());
            *LETTERS.get(at).unwrap_or_else(|| &DIGITS[at - LETTERS.len()])
        })
    });
    table.add("randAscii", |count: Int| from_alphabet(count.0, |rng| rng.random_range(b' '..=b'~')));
    table.add("randBytes", |count: Int| {
        from_alphabet(count.0, |rng| rng.random())
            .map(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes))
    });
    table.add("randInt", |least: Int, bound: Int| -> Result<Int, String> {
        if bound.0 <= least.0 {
            return Err("invalid argument to Intn".to_owned());
        }
        Ok(Int(rand::rng().random_range(least.0..bound.0)))
    });
    table.add("shuffle", |text: Str| {
        let mut chars: Vec<char> = text.to_text().chars().collect();
        let mut rng = rand::rng();
        for at in (1..chars.len()).rev() {
            chars.swap(at, rng.random_range(0..=at));
        }
        chars.into_iter().collect::<String>()
    });
    table.add("uuidv4", || {
        let mut bytes: [u8; 16] = rand::rng().random();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    });
}

fn from_alphabet(count: i64, pick: impl Fn(&mut rand::rngs::ThreadRng) -> u8) -> Result<Vec<u8>, String> {
    if count > MAX_LENGTH {
        return Err(format!("more than {MAX_LENGTH} random characters"));
    }
    let mut rng = rand::rng();
    Ok((0..count.max(0)).map(|_| pick(&mut rng)).collect())
}
