// SPDX-License-Identifier: Apache-2.0
//! Update files that devices of building automation fetch over the air.

mod lumi;
mod matter;
mod zigbee;

pub(super) use lumi::LumiOta;
pub(super) use matter::MatterOta;
pub(super) use zigbee::ZigbeeOta;
