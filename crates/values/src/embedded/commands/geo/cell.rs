//! The grid over the map: cells that halve in both directions with each step, numbered so that a cell's
//! number begins with that of the cell around it. Redis' own arithmetic, to the last bit.

/// The most steps; two bits each are what a score keeps exactly.
pub const STEPS_MAX: u32 = 26;

/// What the map shows: the projection leaves out the poles.
const LONGITUDES: Span = Span { min: -180.0, max: 180.0 };
const LATITUDES: Span = Span { min: -85.05112878, max: 85.05112878 };

/// A place on the earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// East of Greenwich.
    pub longitude: f64,
    /// North of the equator.
    pub latitude: f64,
}

/// From one coordinate to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The lower end.
    pub min: f64,
    /// The upper end.
    pub max: f64,
}

impl Span {
    fn contains(self, at: f64) -> bool {
        self.min <= at && at <= self.max
    }

    /// How many of the parts into which `steps` halvings cut the span lie before a coordinate in it.
    fn part(self, at: f64, steps: u32) -> u32 {
        ((at - self.min) / (self.max - self.min) * (1_u64 << steps) as f64) as u32
    }

    /// A part of the span.
    fn nth(self, part: u32, steps: u32) -> Span {
        let (parts, width) = ((1_u64 << steps) as f64, self.max - self.min);
        let edge = |number: u32| self.min + f64::from(number) / parts * width;
        Span { min: edge(part), max: edge(part.wrapping_add(1)) }
    }

    fn middle(self) -> f64 {
        (self.min + self.max) / 2.0
    }
}

impl Position {
    /// Whether the map shows it.
    pub fn is_on_map(self) -> bool {
        LONGITUDES.contains(self.longitude) && LATITUDES.contains(self.latitude)
    }

    /// The middle of the cell that a score means.
    pub fn of_score(score: f64) -> Position {
        Cell { bits: to_u64(score), steps: STEPS_MAX }.middle()
    }

    /// The standard geohash, in eleven letters: it has the poles, and so another grid.
    pub fn geohash(self) -> [u8; 11] {
        const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let latitudes = Span { min: -90.0, max: 90.0 };
        let bits =
            interleave(latitudes.part(self.latitude, STEPS_MAX), LONGITUDES.part(self.longitude, STEPS_MAX));
        let mut letters = [LETTERS[0]; 11];
        // There are bits for ten letters and a bit; Redis has the eleventh zero.
        for (at, letter) in letters[..10].iter_mut().enumerate() {
            *letter = LETTERS[(bits >> (47 - at * 5) & 31) as usize];
        }
        letters
    }
}

/// What C makes of a double on the common processors when it wants 64 bits without a sign.
fn to_u64(value: f64) -> u64 {
    const TOP: f64 = 9_223_372_036_854_775_808.0;
    if value < TOP {
        value as i64 as u64
    } else if value < 2.0 * TOP {
        value as u64
    } else {
        0
    }
}

/// The bits of both, in turn: the first in the even places.
fn interleave(even: u32, odd: u32) -> u64 {
    fn spread(bits: u32) -> u64 {
        let mut bits = u64::from(bits);
        bits = (bits | bits << 16) & 0x0000_ffff_0000_ffff;
        bits = (bits | bits << 8) & 0x00ff_00ff_00ff_00ff;
        bits = (bits | bits << 4) & 0x0f0f_0f0f_0f0f_0f0f;
        bits = (bits | bits << 2) & 0x3333_3333_3333_3333;
        (bits | bits << 1) & EVEN
    }
    spread(even) | spread(odd) << 1
}

/// The bits in the even places.
fn even_bits(bits: u64) -> u32 {
    let mut bits = bits & EVEN;
    bits = (bits | bits >> 1) & 0x3333_3333_3333_3333;
    bits = (bits | bits >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff;
    (bits | bits >> 16) as u32
}

const EVEN: u64 = 0x5555_5555_5555_5555;
const ODD: u64 = !EVEN;

/// A cell of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    bits: u64,
    steps: u32,
}

impl Cell {
    /// The smallest cell around a position on the map.
    pub fn of(position: Position) -> Cell {
        Cell::around(position, STEPS_MAX)
    }

    /// The cell of so many steps around a position on the map.
    pub fn around(position: Position, steps: u32) -> Cell {
        let latitude = LATITUDES.part(position.latitude, steps);
        let longitude = LONGITUDES.part(position.longitude, steps);
        Cell { bits: interleave(latitude, longitude), steps }
    }

    /// The score of the first smallest cell within.
    pub fn score(self) -> f64 {
        (self.bits << (2 * (STEPS_MAX - self.steps))) as f64
    }

    /// The scores of all positions within: from the first up to, not including, the second.
    pub fn scores(self) -> (f64, f64) {
        (self.score(), Cell { bits: self.bits + 1, ..self }.score())
    }

    /// The longitudes and latitudes within.
    pub fn spans(self) -> (Span, Span) {
        let latitudes = LATITUDES.nth(even_bits(self.bits), self.steps);
        (LONGITUDES.nth(even_bits(self.bits >> 1), self.steps), latitudes)
    }

    fn middle(self) -> Position {
        let (longitudes, latitudes) = self.spans();
        Position {
            longitude: longitudes.middle().clamp(LONGITUDES.min, LONGITUDES.max),
            latitude: latitudes.middle().clamp(LATITUDES.min, LATITUDES.max),
        }
    }

    /// The cell so many to the east and to the north, around the edges of the map.
    pub fn neighbor(self, east: i8, north: i8) -> Cell {
        let all = u64::MAX >> (64 - 2 * self.steps);
        // With the other direction's bits set, a carry runs through them; without, a borrow does.
        let moved = |by: i8, own: u64| match by {
            0 => self.bits & own,
            1 => ((self.bits & own) + (!own & all) + 1) & own & all,
            _ => ((self.bits & own) | (!own & all)).wrapping_sub((!own & all) + 1) & own & all,
        };
        Cell { bits: moved(east, ODD) | moved(north, EVEN), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_within_its_cell_at_every_step() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..2_000 {
            let position =
                Position { longitude: random.f64() * 360.0 - 180.0, latitude: random.f64() * 170.0 - 85.0 };
            for steps in 1..=STEPS_MAX {
                let (longitudes, latitudes) = Cell::around(position, steps).spans();
                assert!(longitudes.contains(position.longitude) && latitudes.contains(position.latitude));
            }
        }
    }

    #[test]
    fn neighbors_share_their_edges() {
        let cell = Cell::around(Position { longitude: 13.3, latitude: 38.1 }, 12);
        let ((west, south), (east, north)) = {
            let (longitudes, latitudes) = cell.spans();
            ((longitudes.min, latitudes.min), (longitudes.max, latitudes.max))
        };
        assert_eq!(cell.neighbor(1, 0).spans().0.min, east);
        assert_eq!(cell.neighbor(-1, 1).spans().0.max, west);
        assert_eq!(cell.neighbor(1, 1).spans().1.min, north);
        assert_eq!(cell.neighbor(0, -1).spans().1.max, south);
        assert_eq!(cell.neighbor(1, 0).neighbor(-1, 0), cell);
    }

    #[test]
    fn any_score_is_some_position() {
        for score in [f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300, 9.3e18, 1.8e19, -0.0, 0.5] {
            assert!(Position::of_score(score).is_on_map(), "{score}");
        }
    }
}
