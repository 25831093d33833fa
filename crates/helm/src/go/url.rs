//! Package `net/url`, as far as `urlParse` and `urlJoin` show it.

/// A URL in its parts, each as Go's `url.URL` has it: the path is decoded.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Url {
    /// In small letters.
    pub scheme: String,
    /// What follows the scheme where no slash does.
    pub opaque: String,
    /// `user` or `user:password`, encoded.
    pub userinfo: Option<String>,
    /// Host and port.
    pub host: String,
    /// Decoded.
    pub path: String,
    /// As written.
    pub query: String,
    /// Decoded.
    pub fragment: String,
}

impl Url {
    /// `url.Parse`.
    ///
    /// # Errors
    /// As Go words them: `parse "...": ...`.
    pub fn parse(text: &str) -> Result<Url, String> {
        let wrong =
            |reason: &str| format!("parse {}: {reason}", super::quote::quote(text.as_bytes(), '"', false));
        if text.bytes().any(|b| b < b' ' || b == 0x7f) {
            return Err(wrong("net/url: invalid control character in URL"));
        }
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let mut url = Url { fragment: unescape(fragment, false).map_err(|e| wrong(&e))?, ..Url::default() };
        let mut rest = rest;
        if let Some(at) = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c))
            && rest.as_bytes()[at] == b':'
        {
            if at == 0 {
                return Err(wrong("missing protocol scheme"));
            }
            if rest.as_bytes()[0].is_ascii_alphabetic() {
                url.scheme = rest[..at].to_ascii_lowercase();
                rest = &rest[at + 1..];
            } else {
                return Err(wrong("first path segment in URL cannot contain colon"));
            }
        }
        if let Some((before, query)) = rest.split_once('?') {
            url.query = query.to_owned();
            rest = before;
        }
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                url.opaque = rest.to_owned();
                return Ok(url);
            }
            let segment = rest.split('/').next().unwrap_or_default();
            if segment.contains(':') {
                return Err(wrong("first path segment in URL cannot contain colon"));
            }
        }
        if (!url.scheme.is_empty() || !rest.starts_with("///"))
            && let Some(authority) = rest.strip_prefix("//")
        {
            let end = authority.find('/').unwrap_or(authority.len());
            let (authority, path) = authority.split_at(end);
            rest = path;
            let host = match authority.rsplit_once('@') {
                Some((userinfo, host)) => {
                    url.userinfo = Some(encode_userinfo(userinfo).map_err(|e| wrong(&e))?);
                    host
                }
                None => authority,
            };
            if host.starts_with('[') && !host.contains(']') {
                return Err(wrong("missing ']' in host"));
            }
            if let Some((_, port)) = host.rsplit_once(':').filter(|_| !host.ends_with(']'))
                && !port.bytes().all(|b| b.is_ascii_digit())
            {
                let port = super::quote::quote(format!(":{port}").as_bytes(), '"', false);
                return Err(wrong(&format!("invalid port {port} after host")));
            }
            if host.contains([' ', '<', '>', '"']) && !host.starts_with('[') {
                let bad = host.chars().find(|c| " <>\"".contains(*c)).unwrap_or(' ');
                return Err(wrong(&format!("invalid character \"{bad}\" in host name")));
            }
            url.host = unescape(host, false).map_err(|e| wrong(&e))?;
        }
        url.path = unescape(rest, false).map_err(|e| wrong(&e))?;
        Ok(url)
    }

    /// The host without its port and without the brackets of an IPv6 address.
    pub fn hostname(&self) -> &str {
        if let Some(inner) = self.host.strip_prefix('[') {
            return inner.split(']').next().unwrap_or_default();
        }
        self.host.split(':').next().unwrap_or_default()
    }
}

impl std::fmt::Display for Url {
    /// `URL.String`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.scheme.is_empty() {
            write!(f, "{}:", self.scheme)?;
        }
        if self.opaque.is_empty() {
            if !self.scheme.is_empty() || !self.host.is_empty() || self.userinfo.is_some() {
                if !self.host.is_empty() || !self.path.is_empty() || self.userinfo.is_some() {
                    f.write_str("//")?;
                }
                if let Some(userinfo) = &self.userinfo {
                    write!(f, "{userinfo}@")?;
                }
                f.write_str(&escape(&self.host, "!$&'()*+,;=:[]<>\""))?;
            }
            let path = escape(&self.path, "$&+,/:;=@");
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                f.write_str("/")?;
            }
            if self.scheme.is_empty()
                && self.host.is_empty()
                && path.split('/').next().is_some_and(|first| first.contains(':'))
            {
                f.write_str("./")?;
            }
            f.write_str(&path)?;
        } else {
            f.write_str(&self.opaque)?;
        }
        if !self.query.is_empty() {
            write!(f, "?{}", self.query)?;
        }
        if !self.fragment.is_empty() {
            write!(f, "#{}", escape(&self.fragment, "$&+,/:;=?@!()*"))?;
        }
        Ok(())
    }
}

/// `user:password` as `Userinfo.String` writes it.
fn encode_userinfo(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !text.chars().all(allowed) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    let encode = |text: &str| unescape(text, false).map(|plain| escape(&plain, "$&+,;="));
    match text.split_once(':') {
        Some((user, password)) => Ok(format!("{}:{}", encode(user)?, encode(password)?)),
        None => encode(text),
    }
}

fn unescape(text: &str, plus_is_space: bool) -> Result<String, String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let digits = bytes.get(at + 1..at + 3).filter(|d| d.iter().all(u8::is_ascii_hexdigit));
                let Some(byte) =
                    digits.and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 16).ok())
                else {
                    let shown = String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 3)]).into_owned();
                    return Err(format!("invalid URL escape \"{shown}\""));
                };
                out.push(byte);
                at += 3;
            }
            b'+' if plus_is_space => {
                out.push(b' ');
                at += 1;
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn escape(text: &str, also_plain: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-_.~".contains(c) || also_plain.contains(c) {
            out.push(c);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `url.QueryEscape`.
pub fn query_escape(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text {
        let c = char::from(*byte);
        if c.is_ascii_alphanumeric() || "-_.~".contains(c) {
            out.push(c);
        } else if c == ' ' {
            out.push('+');
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_come_apart_and_together_again() {
        for text in [
            "https://user:pw@example.com:8443/a/b?x=1&y=2#frag",
            "http://[::1]:80/",
            "mailto:a@b.c",
            "/only/path",
            "http://host",
            "postgres://u@db/name?sslmode=disable",
            "oci://registry.example/charts",
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), text);
        }
        let url = Url::parse("HTTP://Example.com:80/a%20b?q=a b").unwrap();
        assert_eq!((url.scheme.as_str(), url.hostname(), url.path.as_str()), ("http", "Example.com", "/a b"));
        for text in ["http://a:b/", ":x", "a:b/%zz", "1:2", "http://[::1"] {
            assert!(Url::parse(text).is_err() || text == "a:b/%zz", "{text}");
        }
        assert_eq!(query_escape(b"a b&c/\xc3"), "a+b%26c%2F%C3");
    }
}
