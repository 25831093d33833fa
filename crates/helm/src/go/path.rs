//! Package `path`.

/// `path.Clean`.
pub fn clean(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, joined) => format!("/{joined}"),
        (false, joined) if joined.is_empty() => ".".to_owned(),
        (false, joined) => joined,
    }
}

/// `path.Base`.
pub fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        Some("") | None => "/",
        Some(last) => last,
    }
}

/// `path.Dir`.
pub fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |at| &path[..=at]))
}

/// `path.Ext`.
pub fn ext(path: &str) -> &str {
    let name = path.rfind('/').map_or(path, |at| &path[at + 1..]);
    name.rfind('.').map_or("", |at| &name[at..])
}

/// `path.Join`.
pub fn join(parts: &[&str]) -> String {
    let joined = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/");
    if joined.is_empty() { String::new() } else { clean(&joined) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_gos() {
        for (path, cleaned, base_of, dir_of, ext_of) in [
            ("", ".", ".", ".", ""),
            ("/", "/", "/", "/", ""),
            ("a/b.c", "a/b.c", "b.c", "a", ".c"),
            ("a//b/../c/", "a/c", "c", "a/b/../c", ""),
            ("../x", "../x", "x", "..", ""),
            ("/../a.tar.gz", "/a.tar.gz", "a.tar.gz", "/", ".gz"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
            assert_eq!(base(path), base_of, "{path}");
            assert_eq!(dir(path), clean(dir_of), "{path}");
            assert_eq!(ext(path), ext_of, "{path}");
        }
    }
}
