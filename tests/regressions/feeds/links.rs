//! Links that led elsewhere.
