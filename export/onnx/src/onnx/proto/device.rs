//! Placement of a model on several devices (IR version 11).

use prost::{Message, Oneof};

/// A configuration of devices.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeviceConfigurationProto {
    /// Name of the configuration.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Number of devices.
    #[prost(int32, tag = "2")]
    pub num_devices: i32,
    /// Names of the devices.
    #[prost(string, repeated, tag = "3")]
    pub device: Vec<String>,
}

/// Placement of a node in one configuration.
#[derive(Clone, PartialEq, Message)]
pub struct NodeDeviceConfigurationProto {
    /// The configuration.
    #[prost(string, tag = "1")]
    pub configuration_id: String,
    /// Division of the node's values among devices.
    #[prost(message, repeated, tag = "2")]
    pub sharding_spec: Vec<ShardingSpecProto>,
    /// Stage of a pipeline.
    #[prost(int32, tag = "3")]
    pub pipeline_stage: i32,
}

/// Division of a value among devices.
#[derive(Clone, PartialEq, Message)]
pub struct ShardingSpecProto {
    /// The value.
    #[prost(string, tag = "1")]
    pub tensor_name: String,
    /// The devices.
    #[prost(int64, repeated, tag = "2")]
    pub device: Vec<i64>,
    /// Groups of devices.
    #[prost(message, repeated, tag = "3")]
    pub index_to_device_group_map: Vec<IntIntListEntryProto>,
    /// The divided axes.
    #[prost(message, repeated, tag = "4")]
    pub sharded_dim: Vec<ShardedDimProto>,
}

/// A number and a list of numbers.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct IntIntListEntryProto {
    /// The number.
    #[prost(int64, tag = "1")]
    pub key: i64,
    /// The list.
    #[prost(int64, repeated, tag = "2")]
    pub value: Vec<i64>,
}

/// Division of an axis.
#[derive(Clone, PartialEq, Message)]
pub struct ShardedDimProto {
    /// The axis.
    #[prost(int64, tag = "1")]
    pub axis: i64,
    /// Its parts.
    #[prost(message, repeated, tag = "2")]
    pub simple_sharding: Vec<SimpleShardedDimProto>,
}

/// Division of an axis into equal parts.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SimpleShardedDimProto {
    /// The size of the axis.
    #[prost(oneof = "SimpleShardedDim", tags = "1, 2")]
    pub dim: Option<SimpleShardedDim>,
    /// Number of parts.
    #[prost(int64, tag = "3")]
    pub num_shards: i64,
}

/// The size of a divided axis.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum SimpleShardedDim {
    /// A number.
    #[prost(int64, tag = "1")]
    DimValue(i64),
    /// The name of a symbolic axis.
    #[prost(string, tag = "2")]
    DimParam(String),
}
