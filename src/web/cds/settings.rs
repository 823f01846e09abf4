use super::Clients;

/// How clinical systems reach the server.
#[derive(Debug, Default)]
pub struct CdsSettings {
    /// Scheme and authority under which the server is known, for links and audiences; the `Host` of the request without it.
    pub base_url: Option<String>,
    /// Origins of pages that may call the services (`https://ehr.example`).
    pub origins: Vec<String>,
    /// The clinical systems that may ask, by their keys; without them only this machine may.
    pub clients: Option<Clients>,
    /// FHIR servers from which a SMART launch is expected; any https address without them.
    pub launch_from: Vec<String>,
}
