// SPDX-License-Identifier: Apache-2.0
//! Every format, one file each. The order decides between formats that claim the same first byte:
//! the more specific comes first.

use crate::Format;

mod android;
mod ar;
mod arcadyan;
mod arj;
mod cpio;
mod cramfs;
mod erofs;
mod ext;
mod fat;
mod fdt;
mod fields;
mod gaps;
mod gpt;
mod ingenic;
mod jffs2;
mod kernel;
mod mbr;
mod names;
mod npk;
mod ota;
mod packimg;
mod parts;
mod qcow2;
mod rntp;
mod romfs;
mod seama;
mod sevenz;
mod squashfs;
mod stream;
mod tar;
mod tplink;
mod trx;
mod ubi;
mod ubifs;
mod ubnt;
mod uboot_env;
mod uimage;
mod unix;
mod vmdk;
mod yaffs;
mod zip;

/// All formats.
pub static ALL: &[&dyn Format] = &[
    // File systems
    &squashfs::Squashfs,
    &cramfs::Cramfs,
    &romfs::Romfs,
    &erofs::Erofs,
    &ext::Ext,
    &fat::Fat,
    &jffs2::Jffs2,
    &ubifs::Ubifs,
    &yaffs::Yaffs,
    // Partitions and disk images
    &ubi::Ubi,
    &gpt::Gpt,
    &mbr::Mbr,
    &qcow2::Qcow2,
    &vmdk::Vmdk,
    // Archives
    &tar::Tar,
    &cpio::Cpio,
    &zip::Zip,
    &ar::Ar,
    &sevenz::SevenZip,
    &arj::Arj,
    // Headers
    &tplink::TplinkV1,
    &tplink::TplinkV2,
    &tplink::TplinkRtos,
    &trx::Cybertan,
    &trx::Trx,
    &uimage::Uimage,
    &ubnt::Ubnt,
    &seama::Dlob,
    &seama::Seama,
    &packimg::Packimg,
    &android::AndroidBoot,
    &android::AndroidVendorBoot,
    &android::AndroidSparse,
    &ota::MatterOta,
    &ota::ZigbeeOta,
    &ota::LumiOta,
    &npk::Npk,
    &rntp::Rntp,
    &ingenic::IngenicSpl,
    &uboot_env::UbootEnvironment,
    &fdt::Fit,
    &fdt::Dtb,
    // Kernels
    &kernel::BzImage,
    &kernel::ZImage,
    &kernel::EfiZboot,
    &kernel::IkConfig,
    // Compression
    &arcadyan::Arcadyan,
    &stream::GZIP,
    &stream::XZ,
    &stream::BZIP2,
    &stream::ZSTD,
    &stream::LZ4,
    &stream::LZ4_LEGACY,
    &stream::LZOP,
    &stream::LZIP,
    &stream::LZMA,
    &stream::ZLIB,
    &stream::COMPRESS,
    // Without magic, tried last.
    &tar::TarV7,
];

/// The format with this name in the catalogue.
#[must_use]
pub fn find_by_name(name: &str) -> Option<&'static dyn Format> {
    ALL.iter().copied().find(|format| format.doc().name == name)
}
