//! When two links lead to one page.

mod sessions;

use std::borrow::Cow;

/// One spelling for all links to the same page: no scheme, no default port, host in lower case, no tracking
/// parameters and session ids, no slash at the end. For comparing only; what is stored is the link as it was written.
pub fn normalised_link(link: &str) -> String {
    let link = without_tracking(link);
    let rest = link.split_once("://").map_or(&*link, |(_, rest)| rest);
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(host_end);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
        .to_ascii_lowercase();
    let host = host
        .strip_suffix(":80")
        .or(host.strip_suffix(":443"))
        .unwrap_or(&host);
    let mut normalised = String::with_capacity(host.len() + path.len());
    normalised.push_str(host);
    let path_end = path.find(['?', '#']).unwrap_or(path.len());
    normalised.push_str(path[..path_end].trim_end_matches('/'));
    normalised.push_str(&path[path_end..]);
    normalised
}

/// Removes the parameters that say who asked or where a reader came from, and nothing else.
pub fn without_tracking(link: &str) -> Cow<'_, str> {
    match sessions::without_path_sessions(link) {
        Some(clean) => Cow::Owned(without_parameters(&clean).into_owned()),
        None => without_parameters(link),
    }
}

fn without_parameters(link: &str) -> Cow<'_, str> {
    let (rest, fragment) = match link.split_once('#') {
        Some((rest, fragment)) if is_tracking(fragment.split('=').next().unwrap_or_default()) => {
            (rest, None)
        }
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (link, None),
    };
    let Some((page, query)) = rest.split_once('?') else {
        return if rest.len() == link.len() || fragment.is_some() {
            Cow::Borrowed(link)
        } else {
            Cow::Borrowed(rest)
        };
    };
    let pairs = query.split('&').count();
    let tracked = |pair: &&str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        is_tracking(name) || sessions::is_session(name, value, pairs > 1)
    };
    if fragment.is_some() == link.contains('#') && !query.split('&').any(|pair| tracked(&pair)) {
        return Cow::Borrowed(link);
    }
    let mut clean = page.to_string();
    for (at, pair) in query.split('&').filter(|pair| !tracked(pair)).enumerate() {
        clean.push(if at == 0 { '?' } else { '&' });
        clean.push_str(pair);
    }
    if let Some(fragment) = fragment {
        clean.push('#');
        clean.push_str(fragment);
    }
    Cow::Owned(clean)
}

fn is_tracking(name: &str) -> bool {
    let starts = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    starts("utm_")
        || starts("mc_")
        || starts("pk_")
        || starts("mtm_")
        || starts("hsa_")
        || [
            "fbclid",
            "gclid",
            "dclid",
            "gbraid",
            "wbraid",
            "msclkid",
            "yclid",
            "twclid",
            "igshid",
            "mkt_tok",
            "xtor",
            "_hsenc",
            "_hsmi",
            "vero_id",
            "oly_anon_id",
            "oly_enc_id",
            "wt_mc",
            "cmpid",
            "ncid",
            "ocid",
            "smid",
            "guccounter",
            "guce_referrer",
            "guce_referrer_sig",
            "ito",
            "at_medium",
            "at_campaign",
            "at_custom1",
            "feedtype",
            "ref_src",
            "ref_url",
            "sr_share",
            "ftag",
            "s_cid",
            "icid",
            "itm_source",
            "itm_medium",
        ]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_one_page_are_one_link() {
        for link in [
            "http://Example.org/a/",
            "https://example.org:443/a?utm_medium=x",
            "http://u:p@example.org/a#xtor=RSS-1",
            "http://example.org/a;jsessionid=0F3A",
            "http://example.org/a;JSESSIONID=0F3A.node1?utm_medium=x",
            "http://example.org/a/?PHPSESSID=a0f1",
            "http://example.org/(S(lit3py55t21z5v55vlm25s55))/a",
            "http://example.org/(X(1)S(lit3py55t21z5v55vlm25s55))/a/",
            "http://example.org/a%3Bjsessionid=0F3A",
        ] {
            assert_eq!(normalised_link(link), "example.org/a", "{link}");
        }
        assert_eq!(
            normalised_link("http://example.org/a?b=1&utm_x=2&c#d"),
            "example.org/a?b=1&c#d"
        );
    }

    #[test]
    fn sessions_go_and_what_only_looks_like_one_stays() {
        let hex = "0123456789abcdef0123456789abcdef";
        for (link, clean) in [
            ("http://x/v.php?PHPSESSID=a0f1&id=1", "http://x/v.php?id=1"),
            (
                "http://x/v.php?id=1&phpsessid=a0f1#p",
                "http://x/v.php?id=1#p",
            ),
            ("http://x/d;jsessionid=A0?x=1", "http://x/d?x=1"),
            ("http://x/d;jsessionid=A0;v=2/e", "http://x/d;v=2/e"),
            ("http://x/d?x=1;jsessionid=A0&y=2", "http://x/d?x=1&y=2"),
            ("http://x/d?CFID=12&CFTOKEN=34&x=1", "http://x/d?x=1"),
            ("http://x/d?ASPSESSIONIDQQGGQ=ABC&x=1", "http://x/d?x=1"),
            ("http://x/d?osCsid=aa1&x=1", "http://x/d?x=1"),
            ("http://x/d?sessionid=0f3a9c1be7d24450", "http://x/d"),
        ] {
            assert_eq!(without_tracking(link), clean);
        }
        assert_eq!(
            without_tracking(&format!("http://x/t?t=5&sid={hex}")),
            "http://x/t?t=5"
        );
        for link in [
            "http://x/story.pl?sid=24/07/09/121",
            "http://x/story?sid=121",
            "http://x/agenda?session=12",
            "http://x/agenda?session_id=keynote-2024",
            "http://x/agenda?sessionid=12",
            "http://x/d;version=2",
            "http://x/d?s=words",
            "http://x/jsessionid=4",
            "http://x/(S)/a",
            "http://x/(draft)/a",
            &format!("http://x/t?sid={hex}"),
        ] {
            assert_eq!(without_tracking(link), link);
        }
    }
}
