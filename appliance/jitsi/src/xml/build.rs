//! Building elements with literal names.

use minidom::Element;
use rxml::{Namespace, NcName};

/// Starts an element.
pub fn element(name: &'static str, namespace: &str) -> Builder {
    Builder(Element::bare(name, namespace))
}

/// An element under construction. Attribute names are literals of this crate.
#[derive(Debug, Clone)]
pub struct Builder(Element);

impl Builder {
    /// Sets an attribute. A name that is not an XML name is left out (the names are literals; a test reads them back).
    #[must_use]
    pub fn attr(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Ok(name) = NcName::try_from(name) {
            self.0.attrs_mut().insert(Namespace::NONE, name, value.into());
        }
        self
    }

    /// Sets an attribute if there is a value.
    #[must_use]
    pub fn attr_if(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }

    /// Appends a child.
    #[must_use]
    pub fn child(mut self, child: impl Into<Element>) -> Self {
        self.0.append_child(child.into());
        self
    }

    /// Appends children.
    #[must_use]
    pub fn children<E: Into<Element>>(mut self, children: impl IntoIterator<Item = E>) -> Self {
        for child in children {
            self.0.append_child(child.into());
        }
        self
    }

    /// Appends text.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.append_text(text.into());
        self
    }

    /// The element.
    #[must_use]
    pub fn build(self) -> Element {
        self.0
    }
}

impl From<Builder> for Element {
    fn from(builder: Builder) -> Element {
        builder.0
    }
}
