//! Items that were lost or came twice.
