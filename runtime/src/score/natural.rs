//! The order in which a person would list file names: numbers by value, so that `tile2` comes before `tile10`.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Bytes;

/// Compares names with runs of digits taken as numbers. Names that are equal that way (`07`, `7`) are compared byte
/// by byte, so that the order is total and the same on every machine.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left.bytes().peekable(), right.bytes().peekable());
    loop {
        let order = match (a.peek().copied(), b.peek().copied()) {
            (None, None) => return left.cmp(right),
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => number(&mut a).cmp(&number(&mut b)),
            _ => a.next().cmp(&b.next()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// A run of digits as something that orders by value, however long: its length without leading zeros, then itself.
fn number(bytes: &mut Peekable<Bytes<'_>>) -> (usize, Vec<u8>) {
    let mut digits = Vec::new();
    while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
        if digit != b'0' || !digits.is_empty() {
            digits.push(digit);
        }
    }
    (digits.len(), digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_order_by_value() {
        let mut names = ["t10.png", "t2.png", "a", "t1.png", "t02.png", "t", "t2", "b99999999999999999999999", "b1"];
        names.sort_by(|left, right| compare(left, right));
        assert_eq!(names, ["a", "b1", "b99999999999999999999999", "t", "t1.png", "t2", "t02.png", "t2.png", "t10.png"]);
    }

    #[test]
    fn the_order_is_total() {
        assert_eq!(compare("x007", "x7"), Ordering::Less);
        assert_eq!(compare("x7", "x007"), Ordering::Greater);
        assert_eq!(compare("x7", "x7"), Ordering::Equal);
        assert_eq!(compare("", "0"), Ordering::Less);
    }
}
