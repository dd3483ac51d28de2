//! Smooth random fields over the plane: value noise from an integer hash, so that any point can be computed alone.

/// Value noise with its own lattice.
#[derive(Debug, Clone, Copy)]
pub(in crate::data) struct Field(pub(in crate::data) u32);

impl Field {
    /// Noise in `0..1` that varies over a distance of 1.
    pub(in crate::data) fn at(self, x: f32, y: f32) -> f32 {
        let (x0, y0) = (floor(x), floor(y));
        let (u, v) = (ease(x - x0 as f32), ease(y - y0 as f32));
        let upper = mix(self.lattice(x0, y0), self.lattice(x0 + 1, y0), u);
        let lower = mix(self.lattice(x0, y0 + 1), self.lattice(x0 + 1, y0 + 1), u);
        mix(upper, lower, v)
    }

    /// Three octaves, in `0..1`: detail down to a quarter of the distance.
    pub(in crate::data) fn rough(self, x: f32, y: f32) -> f32 {
        (4.0 * self.at(x, y) + 2.0 * self.at(2.0 * x + 17.3, 2.0 * y - 9.1) + self.at(4.0 * x - 31.7, 4.0 * y + 5.9))
            / 7.0
    }

    fn lattice(self, x: i32, y: i32) -> f32 {
        let mut hash = self.0 ^ (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x2C1B_3C6D);
        hash = (hash ^ (hash >> 12)).wrapping_mul(0x297A_2D39);
        hash ^= hash >> 15;
        (hash >> 8) as f32 / (1 << 24) as f32
    }
}

/// `f32::floor` is a call into the platform's library on plain x86-64, and this runs millions of times.
fn floor(value: f32) -> i32 {
    let towards_zero = value as i32;
    towards_zero - i32::from(value < towards_zero as f32)
}

fn ease(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

/// From `a` to `b` as `t` goes from 0 to 1.
pub(in crate::data) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(in crate::data) fn step(low: f32, high: f32, value: f32) -> f32 {
    ease(((value - low) / (high - low)).clamp(0.0, 1.0))
}
