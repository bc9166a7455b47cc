//! Items and fields that were lost by the structure around them, and repairs of what was whole.
