//! Namespaces: which vocabulary an element belongs to, by its declaration or by its usual prefix.

use memchr::memmem;

/// The vocabularies that a feed may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ns {
    Rss,
    Atom,
    Rdf,
    Content,
    Dc,
    DcTerms,
    Media,
    Itunes,
    Syndication,
    Xhtml,
    /// Services that put themselves between a feed and its readers.
    Proxy,
    Other,
}

/// Declarations in force. A limit on their number keeps a hostile document cheap.
#[derive(Debug, Default)]
pub struct Namespaces<'a> {
    declared: Vec<(&'a str, Ns)>,
    /// So many of them stand on the root.
    on_root: usize,
}

const MOST_DECLARED: usize = 128;

impl<'a> Namespaces<'a> {
    /// A mark to come back to when an element ends.
    pub fn mark(&self) -> usize {
        self.declared.len()
    }

    pub fn back_to(&mut self, mark: usize) {
        self.declared.truncate(mark);
    }

    /// Takes over an `xmlns` or `xmlns:prefix` attribute.
    pub fn declare(&mut self, prefix: &'a str, uri: &str) {
        if self.declared.len() < MOST_DECLARED {
            // A damaged or unknown URI says less than a prefix that everybody uses for one thing; that of RSS 1.0 is the
            // beginning of those of its modules.
            let ns = match (by_uri(uri), by_prefix(prefix)) {
                (Ns::Other | Ns::Rss, usual) if usual != Ns::Other => usual,
                (ns, _) => ns,
            };
            self.declared.push((prefix, ns));
        }
    }

    /// All that is in force now stands on the root.
    pub fn root_ends(&mut self) {
        self.on_root = self.declared.len();
    }

    /// What the prefix stands for here, if it was declared.
    pub fn declared(&self, prefix: &str) -> Option<Ns> {
        self.declared
            .iter()
            .rev()
            .find(|(p, _)| *p == prefix)
            .map(|(_, ns)| *ns)
    }

    /// The default namespace here, unless it is the root's.
    pub fn own_default(&self) -> Option<Ns> {
        let below_root = self.declared.get(self.on_root..).unwrap_or_default();
        below_root
            .iter()
            .rev()
            .find(|(prefix, _)| prefix.is_empty())
            .map(|(_, ns)| *ns)
    }
}

/// A name's prefix, if it has one, and what stands behind it. Names are short: a search by words would cost more.
pub fn split(name: &str) -> (Option<&str>, &str) {
    match name.bytes().position(|byte| byte == b':') {
        Some(colon) => (Some(&name[..colon]), &name[colon + 1..]),
        None => (None, name),
    }
}

/// The name in lower case; empty when it is too long for `buffer`, and so for any that is known.
pub fn lower<'b, const LONGEST: usize>(name: &str, buffer: &'b mut [u8; LONGEST]) -> &'b str {
    let Some(lower) = buffer.get_mut(..name.len()) else {
        return "";
    };
    // Byte by byte: for a name of one or two letters, a call that copies takes longer than all the rest.
    for (lower, byte) in lower.iter_mut().zip(name.bytes()) {
        *lower = byte.to_ascii_lowercase();
    }
    std::str::from_utf8(lower).unwrap_or_default()
}

/// What a prefix stands for when nobody declared it.
pub fn by_prefix(prefix: &str) -> Ns {
    match prefix {
        "rss" => Ns::Rss,
        "atom" | "a10" => Ns::Atom,
        "rdf" => Ns::Rdf,
        "content" => Ns::Content,
        "dc" => Ns::Dc,
        "dcterms" | "dct" => Ns::DcTerms,
        "media" => Ns::Media,
        "itunes" => Ns::Itunes,
        "sy" => Ns::Syndication,
        "xhtml" => Ns::Xhtml,
        "feedburner" | "pheedo" => Ns::Proxy,
        _ => Ns::Other,
    }
}

fn by_uri(uri: &str) -> Ns {
    // Real feeds differ in case, scheme and the last slash.
    let mut uri = uri.trim().to_ascii_lowercase();
    while uri.ends_with(['/', '#']) {
        uri.pop();
    }
    let mut bare = &*uri;
    for start in ["https://", "http://", "www."] {
        bare = bare.strip_prefix(start).unwrap_or(bare);
    }
    let holds = |part: &str| memmem::find(bare.as_bytes(), part.as_bytes()).is_some();
    match bare {
        "w3.org/2005/atom" | "purl.org/atom/ns" | "purl.org/net/atom" => Ns::Atom,
        "w3.org/1999/02/22-rdf-syntax-ns" => Ns::Rdf,
        "purl.org/rss/1.0"
        | "my.netscape.com/rdf/simple/0.9"
        | "channel.netscape.com/rdf/simple/0.9" => Ns::Rss,
        "purl.org/rss/1.0/modules/content" => Ns::Content,
        "purl.org/dc/elements/1.1" | "purl.org/dc/elements/1.0" | "purl.org/dc" => Ns::Dc,
        "purl.org/dc/terms" => Ns::DcTerms,
        "search.yahoo.com/mrss" | "video.search.yahoo.com/mrss" => Ns::Media,
        "itunes.com/dtds/podcast-1.0.dtd" | "example.com/dtds/podcast-1.0.dtd" => Ns::Itunes,
        "purl.org/rss/1.0/modules/syndication" => Ns::Syndication,
        "w3.org/1999/xhtml" => Ns::Xhtml,
        "rssnamespace.org/feedburner/ext/1.0" | "pheedo.com/namespace/pheedo" => Ns::Proxy,
        _ if bare.is_empty() || holds("userland.com") || holds("cyber.law.harvard.edu/rss") => {
            Ns::Rss
        }
        _ => Ns::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_holds_until_its_element_ends() {
        let mut names = Namespaces::default();
        names.declare("x", " HTTPS://purl.org/dc/elements/1.1 ");
        let mark = names.mark();
        names.declare("x", "http://www.w3.org/2005/Atom");
        assert_eq!(names.declared("x"), Some(Ns::Atom));
        names.back_to(mark);
        assert_eq!(names.declared("x"), Some(Ns::Dc));
        assert_eq!(names.declared("y"), None);
    }
}
