//! Which file uses which, read from the tokens of the source.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::vec::IntoIter;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// One file uses another. Files are named as below `src/`.
#[derive(Debug, Clone)]
pub struct Import {
    pub from: String,
    pub to: String,
    pub line: usize,
    /// As it resolved: `crate::bus::Link`.
    pub path: String,
}

/// The path of a module from the crate's root; empty for the root itself.
type Module = Vec<String>;

/// A path as it stands in the source, from the root, and where it stands.
struct Mention {
    file: String,
    line: usize,
    path: Module,
    /// The name that a `pub use` hands on: it counts as used only where the file uses it besides.
    handed_on: Option<String>,
}

/// All modules and what they mention.
#[derive(Default)]
pub struct House {
    /// Every module, also those inline, and the file that it stands in.
    files: BTreeMap<Module, String>,
    /// Names that a module brings in, and what they mean.
    names: BTreeMap<(Module, String), Module>,
    globs: BTreeMap<Module, Vec<Module>>,
    defined: BTreeSet<(Module, String)>,
    mentions: Vec<Mention>,
    /// How often an identifier stands in a file outside `use`.
    spoken: BTreeMap<(String, String), usize>,
    /// Modules that are compiled for tests only.
    tests: BTreeSet<Module>,
}

impl House {
    /// Reads the files of `src/`, by their names below it.
    pub fn read(sources: &BTreeMap<String, String>) -> House {
        let mut house = House::default();
        for file in sources.keys() {
            house.files.insert(module_of(file), file.clone());
        }
        for (file, text) in sources {
            let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("src/{file}: {e}"));
            house.walk(file, &module_of(file), tokens, true);
        }
        house
    }

    /// Who uses whom, outside tests.
    pub fn imports(&self) -> Vec<Import> {
        let mut found = Vec::new();
        for mention in &self.mentions {
            let Some(to) = self.file_behind(&mention.path, 0) else {
                continue;
            };
            let only_handed_on = mention.handed_on.as_ref().is_some_and(|name| {
                !self
                    .spoken
                    .contains_key(&(mention.file.clone(), name.clone()))
            });
            if to == mention.file
                || only_handed_on
                || self.is_test(&mention.file)
                || self.is_test(&to)
            {
                continue;
            }
            let path = format!("crate::{}", mention.path.join("::"));
            found.push(Import {
                from: mention.file.clone(),
                to,
                line: mention.line,
                path,
            });
        }
        found
    }

    fn is_test(&self, file: &str) -> bool {
        let module = module_of(file);
        (1..=module.len()).any(|n| self.tests.contains(&module[..n]))
    }

    /// The file in which stands what `path` names, behind all who only hand it on.
    fn file_behind(&self, path: &[String], depth: usize) -> Option<String> {
        let known = (0..=path.len())
            .rev()
            .find(|n| self.files.contains_key(&path[..*n]))?;
        let (module, rest) = path.split_at(known);
        // What begins with no module of ours is another crate's.
        if module.is_empty() && rest.is_empty() {
            return None;
        }
        let file = self.files[module].clone();
        let Some(name) = rest.first() else {
            return Some(file);
        };
        let here = (module.to_vec(), name.clone());
        if depth > 16 || self.defined.contains(&here) {
            return Some(file);
        }
        if let Some(target) = self.names.get(&here) {
            return self.file_behind(&[target.as_slice(), &rest[1..]].concat(), depth + 1);
        }
        for glob in self.globs.get(module).into_iter().flatten() {
            if self.defined.contains(&(glob.clone(), name.clone()))
                || self.names.contains_key(&(glob.clone(), name.clone()))
            {
                return self.file_behind(&[glob.as_slice(), rest].concat(), depth + 1);
            }
        }
        (!module.is_empty()).then_some(file)
    }

    fn walk(&mut self, file: &str, module: &Module, tokens: TokenStream, items: bool) {
        let mut tokens = tokens
            .into_iter()
            .collect::<Vec<_>>()
            .into_iter()
            .peekable();
        let mut public = false;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(p) if p.as_char() == '#' => {
                    if let Some(TokenTree::Group(attribute)) = tokens.peek()
                        && attribute.delimiter() == Delimiter::Bracket
                    {
                        let for_tests = is_cfg_test(attribute);
                        tokens.next();
                        if for_tests {
                            self.skip_test_item(module, &mut tokens);
                        }
                    }
                }
                TokenTree::Ident(word) => {
                    let line = word.span().start().line;
                    match word.to_string().as_str() {
                        "pub" => {
                            public = true;
                            if let Some(TokenTree::Group(_)) = tokens.peek() {
                                tokens.next();
                            }
                            continue;
                        }
                        "use" => self.use_item(file, module, &mut tokens, public, line),
                        "mod" => self.mod_item(file, module, &mut tokens),
                        keyword @ ("struct" | "enum" | "fn" | "trait" | "type" | "const"
                        | "static" | "union")
                            if items =>
                        {
                            if let Some(TokenTree::Ident(name)) = tokens.peek()
                                && !(keyword == "const" && *name == "fn")
                            {
                                self.defined.insert((module.clone(), name.to_string()));
                            }
                        }
                        word => self.path(file, module, word, line, &mut tokens),
                    }
                }
                TokenTree::Group(group) => self.walk(file, module, group.stream(), false),
                _ => {}
            }
            public = false;
        }
    }

    /// Leaves out the item after `#[cfg(test)]`, and remembers a module whose file is for tests.
    fn skip_test_item(&mut self, module: &Module, tokens: &mut Peekable<IntoIter<TokenTree>>) {
        let mut after_mod = false;
        for token in tokens.by_ref() {
            match token {
                TokenTree::Ident(word) if word == "mod" => after_mod = true,
                TokenTree::Ident(name) if after_mod => {
                    let mut child = module.clone();
                    child.push(name.to_string());
                    if self.files.contains_key(&child) {
                        self.tests.insert(child);
                    }
                    after_mod = false;
                }
                TokenTree::Punct(p) if matches!(p.as_char(), ';' | ',') => return,
                TokenTree::Group(g) if g.delimiter() == Delimiter::Brace => return,
                _ => {}
            }
        }
    }

    fn mod_item(
        &mut self,
        file: &str,
        module: &Module,
        tokens: &mut Peekable<IntoIter<TokenTree>>,
    ) {
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return;
        };
        let mut child = module.clone();
        child.push(name.to_string());
        if let Some(TokenTree::Group(_)) = tokens.peek()
            && let Some(TokenTree::Group(body)) = tokens.next()
        {
            self.files.insert(child.clone(), file.to_owned());
            self.walk(file, &child, body.stream(), true);
        }
    }

    fn use_item(
        &mut self,
        file: &str,
        module: &Module,
        tokens: &mut Peekable<IntoIter<TokenTree>>,
        public: bool,
        line: usize,
    ) {
        let tree: Vec<TokenTree> = tokens
            .by_ref()
            .take_while(|t| !matches!(t, TokenTree::Punct(p) if p.as_char() == ';'))
            .collect();
        for (path, alias) in use_tree(&[], tree) {
            let Some(absolute) = self.absolute(module, &path) else {
                continue;
            };
            let glob = alias == "*";
            if glob {
                self.globs
                    .entry(module.clone())
                    .or_default()
                    .push(absolute.clone());
            } else if alias != "_" {
                self.names
                    .insert((module.clone(), alias.clone()), absolute.clone());
            }
            let handed_on = public.then_some(alias);
            self.mentions.push(Mention {
                file: file.to_owned(),
                line,
                path: absolute,
                handed_on,
            });
        }
    }

    /// A path that stands inline, beginning with `word`.
    fn path(
        &mut self,
        file: &str,
        module: &Module,
        word: &str,
        line: usize,
        tokens: &mut Peekable<IntoIter<TokenTree>>,
    ) {
        *self
            .spoken
            .entry((file.to_owned(), word.to_owned()))
            .or_default() += 1;
        let mut path = vec![word.to_owned()];
        while next_is_colons(tokens) {
            tokens.next();
            tokens.next();
            match tokens.peek() {
                Some(TokenTree::Ident(next)) => {
                    path.push(next.to_string());
                    tokens.next();
                }
                _ => break,
            }
        }
        if path.len() > 1
            && let Some(absolute) = self.absolute(module, &path)
        {
            self.mentions.push(Mention {
                file: file.to_owned(),
                line,
                path: absolute,
                handed_on: None,
            });
        }
    }

    /// `path` from the crate's root, or none when it begins with what is not ours.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let mut base = module.clone();
        let rest = match path.first()?.as_str() {
            "crate" => {
                base.clear();
                &path[1..]
            }
            "self" => &path[1..],
            "super" => {
                let ups = path.iter().take_while(|s| *s == "super").count();
                base.truncate(base.len().checked_sub(ups)?);
                &path[ups..]
            }
            first => {
                // A child module of this one; anything else was brought in by a `use`, or is another crate.
                base.push(first.to_owned());
                if !self.files.contains_key(&base) {
                    return None;
                }
                &path[1..]
            }
        };
        base.extend(rest.iter().cloned());
        Some(base)
    }
}

/// `bus/link.rs` → `["bus", "link"]`.
fn module_of(file: &str) -> Module {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    if stem == "lib" {
        Vec::new()
    } else {
        stem.split('/').map(str::to_owned).collect()
    }
}

fn next_is_colons(tokens: &Peekable<IntoIter<TokenTree>>) -> bool {
    let mut ahead = tokens.clone();
    let mut colon = || matches!(ahead.next(), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon() && colon()
}

fn is_cfg_test(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// Every leaf of a `use` tree: its path, and the name under which it is known here (`*` for all).
fn use_tree(prefix: &[String], tokens: Vec<TokenTree>) -> Vec<(Vec<String>, String)> {
    let mut leaves = Vec::new();
    let mut path = prefix.to_vec();
    let mut alias = None;
    let mut after_as = false;
    let mut inner = false;
    let mut end = |path: &mut Vec<String>, alias: &mut Option<String>, inner: &mut bool| {
        let named = path.last().map(|s| s.as_str()) == Some("self");
        if named {
            path.pop();
        }
        if path.len() > prefix.len() && !*inner || named {
            let name = alias
                .take()
                .or_else(|| path.last().cloned())
                .unwrap_or_default();
            leaves.push((path.clone(), name));
        }
        *path = prefix.to_vec();
        *inner = false;
    };
    let mut grouped = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Ident(word) if after_as => {
                alias = Some(word.to_string());
                after_as = false;
            }
            TokenTree::Ident(word) if word == "as" => after_as = true,
            TokenTree::Ident(word) => path.push(word.to_string()),
            TokenTree::Punct(p) if p.as_char() == '*' => {
                grouped.push((path.clone(), "*".to_owned()));
                inner = true;
            }
            TokenTree::Punct(p) if p.as_char() == ',' => end(&mut path, &mut alias, &mut inner),
            TokenTree::Group(group) => {
                grouped.extend(use_tree(&path, group.stream().into_iter().collect()));
                inner = true;
            }
            _ => {}
        }
    }
    end(&mut path, &mut alias, &mut inner);
    leaves.extend(grouped);
    leaves
}
