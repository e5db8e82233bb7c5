//! The known differences from Redis that `docs/redis.md` lists: what each server answers, beside the other. Every row
//! of the page has its tests, named in [`page`].

mod both;
mod collections;
mod limits;
mod page;
mod server;
mod streams;
mod waiting;
