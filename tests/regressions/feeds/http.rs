//! Answers of web servers that were not taken as they were meant.
