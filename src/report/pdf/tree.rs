/// What a part of the document is, for screen readers and for copying.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Part,
    Heading(u16, String),
    Paragraph,
    List,
    Item,
    Body,
    Table,
    Caption,
    Head,
    Rows,
    Row,
    ColumnHead,
    RowHead,
    Cell,
    /// A drawing with what it shows in words.
    Figure(String),
}

/// Handle of a node of [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeId(pub(super) usize);

/// One part and its parts, in reading order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Columns that a cell spans.
    pub(super) span: u32,
    pub(super) children: Vec<NodeId>,
}

/// The logical structure of the document; the first node is its root.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
}

impl Tree {
    pub(super) const ROOT: NodeId = NodeId(0);

    pub(super) fn new() -> Self {
        Self { nodes: vec![Node { kind: Kind::Part, span: 1, children: Vec::new() }] }
    }

    /// Adds a part at the end of `parent`.
    pub(super) fn add(&mut self, parent: NodeId, kind: Kind) -> NodeId {
        self.add_spanning(parent, kind, 1)
    }

    /// [`Tree::add`] for a cell over several columns.
    pub(super) fn add_spanning(&mut self, parent: NodeId, kind: Kind, span: u32) -> NodeId {
        let id = NodeId(self.nodes.len());
        self.nodes.push(Node { kind, span, children: Vec::new() });
        if let Some(node) = self.nodes.get_mut(parent.0) {
            node.children.push(id);
        }
        id
    }
}
