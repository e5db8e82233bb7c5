use crate::embedded::check::Check;
