//! What the operator's own commands did.

mod beat;
mod up;
