//! TRANSACTIONS.md, read: its table and its forms.

use std::collections::BTreeMap;

/// What the document says.
pub(crate) struct Document {
    /// Requests of v1 and of v2, by the name of the pattern.
    pub(crate) table: BTreeMap<String, (u64, u64)>,
    pub(crate) patterns: Vec<Pattern>,
}

/// A transaction and its commit; each line with what stands for something put in its place.
#[derive(Default)]
pub(crate) struct Pattern {
    pub(crate) name: String,
    pub(crate) before: Vec<String>,
    pub(crate) v1: Vec<String>,
    pub(crate) v2: Vec<String>,
}

impl Document {
    pub(crate) fn read() -> Document {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../TRANSACTIONS.md");
        let text = std::fs::read_to_string(path).unwrap();
        let mut document = Document { table: BTreeMap::new(), patterns: Vec::new() };
        let (mut section, mut block) = (Pattern::default(), None);
        for line in text.lines().chain(["## end"]) {
            match (&block, line.strip_prefix("```")) {
                (Some(_), Some("")) => block = None,
                (None, Some(kind)) => block = Some(kind.to_owned()),
                (Some(kind), _) => {
                    let lines = match kind.as_str() {
                        "before" => &mut section.before,
                        "v1" => &mut section.v1,
                        "v2" => &mut section.v2,
                        other => panic!("a block of {other}"),
                    };
                    lines.extend(spelled_out(line));
                }
                (None, None) => {
                    if let Some(name) = line.strip_prefix("## ") {
                        let done = std::mem::take(&mut section);
                        section.name = name.to_owned();
                        assert_eq!(done.v1.is_empty(), done.v2.is_empty(), "{}", done.name);
                        document.patterns.extend((!done.v1.is_empty()).then_some(done));
                    }
                    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                    if let ["", name, v1, v2, ""] = cells[..]
                        && let (Ok(v1), Ok(v2)) = (v1.parse(), v2.parse())
                    {
                        document.table.insert(name.to_owned(), (v1, v2));
                    }
                }
            }
        }
        document
    }
}

/// A line, or the several that braces stand for.
fn spelled_out(line: &str) -> Vec<String> {
    if let Some((start, rest)) = line.split_once('{') {
        let (middle, end) = rest.split_once('}').unwrap();
        let each = middle.split(',').map(|one| format!("{start}{one}{end}"));
        return each.flat_map(|line| spelled_out(&line)).collect();
    }
    let vm = "/vm/1b4e28ba-2fa1-11d2-883f-0016d3cca427";
    let places = [
        ("$H", "/local/domain/7"),
        ("$B", "/local/domain/0/backend"),
        ("$X", "/libxl/7"),
        ("$V", vm),
    ];
    vec![places.iter().fold(line.to_owned(), |line, (name, path)| line.replace(name, path))]
}
