mod coverage;
mod model;
mod regression;
mod trial;
