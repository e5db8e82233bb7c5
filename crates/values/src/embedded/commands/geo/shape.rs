//! What is searched for places: a circle or a box around one, and the cells that cover it.

use super::cell::{Cell, Position, STEPS_MAX};

const EARTH_RADIUS_METERS: f64 = 6_372_797.560856;

/// Half of the way around the earth as the projection has it, in meters.
const MERCATOR_MAX_METERS: f64 = 20_037_726.37;

/// Redis' own quotient, in which its conversions are rounded.
const DEGREE: f64 = std::f64::consts::PI / 180.0;

fn radians(degrees: f64) -> f64 {
    degrees * DEGREE
}

fn degrees(radians: f64) -> f64 {
    radians / DEGREE
}

/// The distance of two latitudes, in meters.
fn latitude_distance(from: f64, to: f64) -> f64 {
    EARTH_RADIUS_METERS * (radians(to) - radians(from)).abs()
}

/// The way from a position to another over a ball, in meters.
pub fn distance(from: Position, to: Position) -> f64 {
    let v = ((radians(to.longitude) - radians(from.longitude)) / 2.0).sin();
    if v == 0.0 {
        return latitude_distance(from.latitude, to.latitude);
    }
    let (from, to) = (radians(from.latitude), radians(to.latitude));
    let u = ((to - from) / 2.0).sin();
    let a = u * u + from.cos() * to.cos() * v * v;
    2.0 * EARTH_RADIUS_METERS * a.sqrt().asin()
}

/// The outline, in a unit of the client's.
#[derive(Clone, Copy, Debug)]
pub enum Outline {
    /// All up to this far away.
    Circle {
        /// How far.
        radius: f64,
    },
    /// A box in the middle of which the center is.
    Box {
        /// From west to east.
        width: f64,
        /// From south to north.
        height: f64,
    },
}

/// A circle or a box on the map.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// What it is around.
    pub center: Position,
    /// Its outline.
    pub outline: Outline,
    /// How many meters the unit of its outline has.
    pub unit_meters: f64,
}

/// The longitudes and latitudes between which a shape lies.
struct Bounds {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl Shape {
    /// How far a position is from the center, in meters, if it is within.
    pub fn reach(&self, position: Position) -> Option<f64> {
        match self.outline {
            Outline::Circle { radius } => {
                let away = distance(self.center, position);
                // Not a number, between opposite ends of the earth, counts as within.
                if away > radius * self.unit_meters { None } else { Some(away) }
            }
            Outline::Box { width, height } => {
                if latitude_distance(position.latitude, self.center.latitude)
                    > height * self.unit_meters / 2.0
                {
                    return None;
                }
                let beside = Position { latitude: position.latitude, ..self.center };
                if distance(position, beside) > width * self.unit_meters / 2.0 {
                    return None;
                }
                Some(distance(self.center, position))
            }
        }
    }

    fn bounds(&self) -> Bounds {
        let (height, width) = match self.outline {
            Outline::Circle { radius } => (self.unit_meters * radius, self.unit_meters * radius),
            Outline::Box { width, height } => {
                (self.unit_meters * (height / 2.0), self.unit_meters * (width / 2.0))
            }
        };
        let Position { longitude, latitude } = self.center;
        let up = degrees(height / EARTH_RADIUS_METERS);
        let across = |at: f64| degrees(width / EARTH_RADIUS_METERS / radians(at).cos());
        // Where it is widest is, north and south of the equator, at different ends.
        let across = if latitude < 0.0 { across(latitude - up) } else { across(latitude + up) };
        Bounds {
            west: longitude - across,
            south: latitude - up,
            east: longitude + across,
            north: latitude + up,
        }
    }

    /// How far its farthest point is from the center, in meters.
    fn radius_meters(&self) -> f64 {
        let radius = match self.outline {
            Outline::Circle { radius } => radius,
            Outline::Box { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
        };
        radius * self.unit_meters
    }

    /// The cells that cover the shape: the center's own, then its neighbors, without those beyond the
    /// bounds, and none that repeats the one before it.
    pub fn cells(&self) -> Vec<Cell> {
        let bounds = self.bounds();
        let mut steps = steps_for(self.radius_meters(), self.center.latitude);
        let mut middle = Cell::around(self.center, steps);
        if steps > 1 && is_too_small(middle, &bounds) {
            steps -= 1;
            middle = Cell::around(self.center, steps);
        }
        let (longitudes, latitudes) = middle.spans();
        let is_useless = |east: i8, north: i8| {
            steps >= 2
                && (north < 0 && latitudes.min < bounds.south
                    || north > 0 && latitudes.max > bounds.north
                    || east < 0 && longitudes.min < bounds.west
                    || east > 0 && longitudes.max > bounds.east)
        };
        const NEIGHBORS: [(i8, i8); 8] =
            [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let mut cells = vec![middle];
        for (east, north) in NEIGHBORS {
            let cell = middle.neighbor(east, north);
            let repeats = cells.len() > 1 && cells.last() == Some(&cell);
            if !is_useless(east, north) && !repeats {
                cells.push(cell);
            }
        }
        cells
    }
}

/// Whether a cell's neighbors do not reach as far as the bounds.
fn is_too_small(cell: Cell, bounds: &Bounds) -> bool {
    cell.neighbor(0, 1).spans().1.max < bounds.north
        || cell.neighbor(0, -1).spans().1.min > bounds.south
        || cell.neighbor(1, 0).spans().0.max < bounds.east
        || cell.neighbor(-1, 0).spans().0.min > bounds.west
}

/// How many steps make cells that, nine of them, cover this radius.
fn steps_for(mut radius_meters: f64, latitude: f64) -> u32 {
    if radius_meters == 0.0 {
        return STEPS_MAX;
    }
    let mut steps: i32 = 1;
    while radius_meters < MERCATOR_MAX_METERS {
        radius_meters *= 2.0;
        steps += 1;
    }
    steps -= 2;
    // Towards the poles cells are narrow.
    if latitude.abs() > 66.0 {
        steps -= 1;
        if latitude.abs() > 80.0 {
            steps -= 1;
        }
    }
    steps.clamp(1, STEPS_MAX as i32) as u32
}
