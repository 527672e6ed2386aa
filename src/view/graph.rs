//! A picture of objects and references, in the language of Graphviz.

use std::fmt::Write as _;

/// Objects, and references between them by their places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    nodes: Vec<(String, Look)>,
    edges: Vec<(usize, usize, String)>,
}

/// How an object is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// As a box.
    Plain,
    /// With a thick line: what was asked for.
    Asked,
    /// Round: what holds objects from outside.
    Root,
}

impl Graph {
    /// Adds an object; its place. What holds objects from outside is there once.
    pub fn add(&mut self, label: String, look: Look) -> usize {
        let node = (label, look);
        let known =
            if look == Look::Root { self.nodes.iter().position(|known| *known == node) } else { None };
        known.unwrap_or_else(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        })
    }

    /// Adds a reference.
    pub fn join(&mut self, from: usize, to: usize, label: String) {
        let edge = (from, to, label);
        if !self.edges.contains(&edge) {
            self.edges.push(edge);
        }
    }

    /// The picture.
    pub fn dot(&self) -> String {
        let mut text = String::from(
            "digraph heap {\n  rankdir = LR;\n  node [shape = box, fontname = \"sans-serif\"];\n",
        );
        // Writing to a String cannot fail.
        for (place, (label, look)) in self.nodes.iter().enumerate() {
            let more = match look {
                Look::Plain => "",
                Look::Asked => ", penwidth = 2",
                Look::Root => ", style = rounded",
            };
            let _ = writeln!(text, "  n{place} [label = \"{}\"{more}];", escaped(label));
        }
        for (from, to, label) in &self.edges {
            let _ = writeln!(text, "  n{from} -> n{to} [label = \"{}\"];", escaped(label));
        }
        text + "}\n"
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
