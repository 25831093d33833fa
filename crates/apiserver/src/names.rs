//! What names may be (RFC 1123, as `k8s.io/apimachinery/pkg/util/validation` reads it).

/// Lower-case letters, digits and dashes; at most 63.
pub fn is_dns_label(name: &str) -> bool {
    let is_end =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    bytes.len() <= 63
        && is_end(bytes.first())
        && is_end(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
}

/// Labels with dots between; at most 253.
pub fn is_dns_subdomain(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = label.as_bytes();
        is_end(bytes.first())
            && is_end(bytes.last())
            && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
    };
    !name.is_empty() && name.len() <= 253 && name.split('.').all(is_label)
}

/// Whether a text can be the key of a label or an annotation.
pub fn is_label_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    !name.is_empty()
        && is_label_value(name)
        && prefix.is_none_or(|prefix| is_dns_subdomain(&prefix.to_lowercase()))
}

/// Whether a text can be the value of a label.
pub fn is_label_value(value: &str) -> bool {
    let is_end = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = value.as_bytes();
    bytes.len() <= 63
        && is_end(bytes.first())
        && is_end(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_rfc_1123() {
        for good in ["a", "a-b", "1", "a1-2b"] {
            assert!(is_dns_label(good) && is_dns_subdomain(good), "{good}");
        }
        assert!(is_dns_subdomain("a.b-c.d") && !is_dns_label("a.b"));
        for bad in ["", "-a", "a-", "A", "a_b", "a..b", ".a", "a/b"] {
            assert!(!is_dns_label(bad) && !is_dns_subdomain(bad), "{bad}");
        }
        assert!(!is_dns_label(&"a".repeat(64)) && !is_dns_subdomain(&"a".repeat(254)));
    }
}
