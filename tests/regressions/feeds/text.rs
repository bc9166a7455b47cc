//! Words that were lost from titles and texts.
