//! Expression matrices and variants become signatures.
//!
//! Nothing lives here yet: cohorts so far bring signature scores as columns, which `tables` reads. Will import `terms`
//! and `stats`; polars may enter here.
