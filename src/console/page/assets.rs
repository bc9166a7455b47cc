//! Script, style and icon: carried by the program, named by their content, so that a browser may keep them for ever.

use std::sync::OnceLock;

use sha1_smol::Sha1;

use crate::console::view::Stand;

/// A file that a page needs.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    pub media_type: &'static str,
    pub bytes: &'static [u8],
}

const SCRIPT: &str = include_str!("app.js");
const STYLE: &str = include_str!("app.css");

const ALL: [(&str, &str, &str, &str); 2] = [
    ("app", "js", "text/javascript; charset=utf-8", SCRIPT),
    ("app", "css", "text/css; charset=utf-8", STYLE),
];

/// Their paths, in the order of [`ALL`].
fn paths() -> &'static [String; 2] {
    static PATHS: OnceLock<[String; 2]> = OnceLock::new();
    PATHS.get_or_init(|| {
        ALL.map(|(name, end, _, text)| {
            let hash = Sha1::from(text.as_bytes()).digest().to_string();
            format!("/assets/{name}-{}.{end}", &hash[..12])
        })
    })
}

/// Where the icon of a state is.
fn icon_path(stand: Stand) -> String {
    format!("/icons/{}.svg", stand.as_str())
}

/// The icon at `path`: a shape and a colour for each state.
pub fn icon(path: &str) -> Option<String> {
    let word = path.strip_prefix("/icons/")?.strip_suffix(".svg")?;
    let (color, shape) = match Stand::of(word)? {
        Stand::Down => (
            "#c9252d",
            "<path d='M7 3h2l-.3 7H7.300z M7 11.500h2v2H7z' fill='#fff'/>",
        ),
        Stand::Degraded | Stand::Planned => ("#9a6700", "<path d='M8 3l5 9H3z' fill='#fff'/>"),
        Stand::Up => (
            "#1a7f37",
            "<path d='M3.500 8l3 3 6-6' fill='none' stroke='#fff' stroke-width='2'/>",
        ),
        Stand::Unknown | Stand::Off => (
            "#57606a",
            "<path d='M5.500 6a2.500 2.500 0 1 1 3.500 2.300Q8 8.800 8 10M8 12v1.500' fill='none' stroke='#fff' stroke-width='1.800'/>",
        ),
    };
    Some(format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect width='16' height='16' rx='4' fill='{color}'/>{shape}</svg>"
    ))
}

/// The one at `path`.
pub fn asset(path: &str) -> Option<Asset> {
    let at = paths().iter().position(|known| known == path)?;
    let (_, _, media_type, text) = ALL[at];
    Some(Asset {
        media_type,
        bytes: text.as_bytes(),
    })
}

/// What a page says of them in its head; the icon is that of `worst`.
pub fn links(worst: Stand) -> String {
    let [script, style] = paths();
    let icon = icon_path(worst);
    format!(
        "<link rel=\"stylesheet\" href=\"{style}\"><link rel=\"icon\" type=\"image/svg+xml\" href=\"{icon}\"><script src=\"{script}\" defer></script>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_are_found_by_their_content_and_are_60_kb_at_most() {
        for (path, (_, _, _, text)) in paths().iter().zip(ALL) {
            assert_eq!(asset(path).expect("there").bytes, text.as_bytes());
        }
        assert!(asset("/assets/app.js").is_none());
        assert!(icon("/icons/down.svg").is_some() && icon("/icons/green.svg").is_none());
        assert!(ALL.iter().map(|(_, _, _, text)| text.len()).sum::<usize>() < 50_000);
    }

    #[test]
    fn the_script_makes_no_markup_of_text() {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "style=",
        ] {
            assert!(!SCRIPT.contains(word), "{word}");
        }
    }
}
