//! Load generator and benchmark driver.

fn main() {}
