//! What readers of the swarm's state were shown.
