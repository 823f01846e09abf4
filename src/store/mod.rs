//! People, cases, decisions and their audit, in SQLite or PostgreSQL.
//!
//! Nothing lives here yet: until sign-in exists the server shows reports on the loopback interface only and keeps
//! nothing. Will import `terms` and `report`; the database driver will enter here.
