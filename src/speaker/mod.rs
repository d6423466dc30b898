//! PURE: levels and now → who has the floor.
