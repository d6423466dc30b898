//! Docker's API, and what the Swarm engine and the cluster both keep there: services, records, identities.
//!
//! [`service`] describes a service. A record is a Docker config with labels ([`record`]). [`ownership`] is this front's
//! view of who owns which room, read from the records. With [`key`] and [`identity`], fronts and workers recognise each
//! other.

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
