//! Canonical paths, as Go's `ServeMux` cleans them.

use std::borrow::Cow;

/// Resolves `.`, `..` and empty segments; a slash at the end stays.
pub(crate) fn clean(path: &str) -> Cow<'_, str> {
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    let inner = path
        .strip_prefix('/')
        .map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    match inner {
        Some("") if path.len() == 1 => return Cow::Borrowed(path),
        Some(inner) if !inner.split('/').any(odd) => return Cow::Borrowed(path),
        _ => {}
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut cleaned = format!("/{}", kept.join("/"));
    if path.ends_with('/') && !cleaned.ends_with('/') {
        cleaned.push('/');
    }
    Cow::Owned(cleaned)
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (path, cleaned) in [
            ("/", "/"),
            ("", "/"),
            ("/v2/read", "/v2/read"),
            ("/v2/read/", "/v2/read/"),
            ("//v2/read", "/v2/read"),
            ("/v2//read", "/v2/read"),
            ("/v2/./read", "/v2/read"),
            ("/v2/x/../read", "/v2/read"),
            ("/../../v2/read", "/v2/read"),
            ("//", "/"),
            ("/v2/read//", "/v2/read/"),
            ("/..", "/"),
            ("v2/read", "/v2/read"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }
}
