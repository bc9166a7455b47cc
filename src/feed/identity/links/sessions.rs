//! Session ids in links: they say who asked, and change from one poll to the next.

/// Names that mean nothing else, in lower case.
const KNOWN: [&str; 9] = [
    "phpsessid",
    "jsessionid",
    "asp.net_sessionid",
    "cfid",
    "cftoken",
    "oscsid",
    "zenid",
    "bv_sessionid",
    "bv_engineid",
];
/// Names that mean a session only where the value looks like one: a story and a talk have ids, too.
const LIKELY: [&str; 5] = ["sessionid", "session_id", "sessid", "sess_id", "session"];
/// The same, where in addition something else tells the page.
const SHORT: [&str; 2] = ["sid", "s"];

/// Whether a parameter of a query is a session id. `is_one_of_many`: others stand beside it.
pub fn is_session(name: &str, value: &str, is_one_of_many: bool) -> bool {
    if is_known(name) {
        return true;
    }
    let is = |known: &&str| known.eq_ignore_ascii_case(name);
    LIKELY.iter().any(is) && is_token(value)
        || is_one_of_many
            && SHORT.iter().any(is)
            && value.len() == 32
            && value.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_known(name: &str) -> bool {
    let start = name.get(..12).unwrap_or_default();
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name))
        || start.eq_ignore_ascii_case("aspsessionid")
}

/// Letters and figures without an order, and many of them.
fn is_token(value: &str) -> bool {
    let figures = value.bytes().filter(u8::is_ascii_digit).count();
    value.len() >= 16
        && figures >= 3
        && figures < value.len()
        && value.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The link without `;jsessionid=…` and `/(S(…))`, if it has one of them.
pub fn without_path_sessions(link: &str) -> Option<String> {
    let mut clean: Option<String> = None;
    while let Some((from, until)) = find(clean.as_deref().unwrap_or(link)) {
        let mut shorter = clean.take().unwrap_or_else(|| link.to_owned());
        shorter.replace_range(from..until, "");
        clean = Some(shorter);
    }
    clean
}

fn find(link: &str) -> Option<(usize, usize)> {
    let parameters = link.match_indices([';', '%', '/']);
    parameters.into_iter().find_map(|(at, mark)| {
        let rest = &link[at..];
        if mark == "/" {
            let len = rest[1..].find(['/', '?', '#']).unwrap_or(rest.len() - 1);
            return is_cookieless(&rest[1..=len]).then_some((at, at + 1 + len));
        }
        let name_at = match mark {
            ";" => 1,
            _ if rest
                .get(..3)
                .is_some_and(|mark| mark.eq_ignore_ascii_case("%3b")) =>
            {
                3
            }
            _ => return None,
        };
        let (name, value) = rest[name_at..].split_once('=')?;
        let len = value.find([';', '/', '?', '#', '&']).unwrap_or(value.len());
        is_known(name).then_some((at, at + name_at + name.len() + 1 + len))
    })
}

/// A folder that is a session of ASP.NET: `(S(lit3py55))`, `(X(1)S(lit3py55))`.
fn is_cookieless(folder: &str) -> bool {
    let Some(mut inner) = folder
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    else {
        return false;
    };
    let mut has_session = false;
    while let Some((part, rest)) = inner.split_once(')') {
        let Some((kind, _)) = part
            .split_once('(')
            .filter(|(kind, _)| matches!(*kind, "A" | "F" | "S" | "X"))
        else {
            return false;
        };
        has_session |= kind == "S";
        inner = rest;
    }
    has_session && inner.is_empty()
}
