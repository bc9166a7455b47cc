//! What the operator's own commands did.

mod beat;
mod sentinel;
mod up;
