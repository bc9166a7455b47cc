//! Files that use each other in a circle: the strongly connected parts of the graph of imports
//! (Tarjan, "Depth-first search and linear graph algorithms", 1972).
//!
//! A file that looks up at the module that holds it ties no circle: in Rust a module shows its private parts to what it
//! holds, so the two are one thing in two files.

use std::collections::BTreeMap;

use super::imports::Import;

type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a Import>>;

/// Every circle, with the imports that tie it.
pub fn circles(imports: &[Import]) -> Vec<String> {
    let mut graph: Graph = BTreeMap::new();
    for import in imports
        .iter()
        .filter(|i| i.from != i.to && !holds(&i.to, &i.from))
    {
        graph
            .entry(&import.from)
            .or_default()
            .entry(&import.to)
            .or_insert(import);
        graph.entry(&import.to).or_default();
    }
    let mut search = Search {
        graph: &graph,
        seen: BTreeMap::new(),
        low: BTreeMap::new(),
        open: Vec::new(),
        found: Vec::new(),
    };
    for file in graph.keys() {
        if !search.seen.contains_key(file) {
            search.visit(file);
        }
    }
    let tied = |part: &Vec<&str>| {
        let mut lines = Vec::new();
        for from in part {
            for (to, import) in graph[from].iter().filter(|(to, _)| part.contains(to)) {
                lines.push(format!(
                    "src/{from}:{} uses src/{to} ({})",
                    import.line, import.path
                ));
            }
        }
        lines.join("\n")
    };
    search.found.iter().map(tied).collect()
}

/// Is `file` inside the module of `holder`?
fn holds(holder: &str, file: &str) -> bool {
    let folder = holder.strip_suffix(".rs").unwrap_or(holder);
    file.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

struct Search<'g, 'a> {
    graph: &'g Graph<'a>,
    /// When a file was first met.
    seen: BTreeMap<&'a str, usize>,
    /// The earliest open file that can be reached from it.
    low: BTreeMap<&'a str, usize>,
    open: Vec<&'a str>,
    found: Vec<Vec<&'a str>>,
}

impl<'a> Search<'_, 'a> {
    fn visit(&mut self, file: &'a str) {
        let number = self.seen.len();
        self.seen.insert(file, number);
        self.low.insert(file, number);
        self.open.push(file);
        for to in self.graph[file].keys() {
            let reached = match self.seen.get(to) {
                None => {
                    self.visit(to);
                    self.low[to]
                }
                Some(&seen) if self.open.contains(to) => seen,
                Some(_) => continue,
            };
            let low = self.low.entry(file).or_insert(number);
            *low = (*low).min(reached);
        }
        if self.low[file] == number {
            let begin = self
                .open
                .iter()
                .position(|f| *f == file)
                .unwrap_or_default();
            let part = self.open.split_off(begin);
            if part.len() > 1 {
                self.found.push(part);
            }
        }
    }
}
