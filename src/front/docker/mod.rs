//! Docker's API, and what the engine for the Swarm and the cluster of fronts both keep there: services, records, identities.
//!
//! A service is made of what [`service`] says. A record is a Docker config with labels ([`record`]); [`ownership`] is what this front has
//! read in them of who owns which room. [`key`] and [`identity`] are by what fronts and workers know each other.

pub mod api;
pub mod identity;
pub mod key;
pub mod ownership;
pub mod record;
pub mod service;

pub use identity::{Arrived, CLUSTER_PROTOCOL, Identity, IdentityError};
pub use key::{ClusterKey, MIN_SECRET_BYTES};
pub use ownership::{FrontId, Index, Living, Owned, Place, Step};
pub use record::{ABOUT, KIND, Kind, Labels, Record, RecordError, Records, record_name};
pub use service::SwarmSettings;
