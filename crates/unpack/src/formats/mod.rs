// SPDX-License-Identifier: Apache-2.0
//! Every format, one file each. The order decides between formats that claim the same first byte:
//! the more specific comes first.

use crate::Format;

mod allwinner;
mod android;
mod ar;
mod arcadyan;
mod arj;
mod avm;
mod btrfs;
mod buffalo;
mod cab;
mod cpio;
mod cramfs;
mod dahua;
mod dlink;
mod erofs;
mod ext;
mod f2fs;
mod fat;
mod fdt;
mod fields;
mod gaps;
mod gpt;
mod hexfile;
mod hikvision;
mod hp;
mod ingenic;
mod instar;
mod iso9660;
mod jffs2;
mod kernel;
mod lha;
mod mbr;
mod minix;
mod mtdparts;
mod names;
mod nand;
mod netgear;
mod npk;
mod okumura;
mod ota;
mod packimg;
mod parts;
mod qcow2;
mod qnap;
mod rar;
mod realtek;
mod rntp;
mod rockchip;
mod romfs;
mod rpm;
mod sealed;
mod seama;
mod senao;
mod sevenz;
mod shell_archive;
mod squashfs;
mod stream;
mod tar;
mod tplink;
mod trx;
mod ubi;
mod ubifs;
mod ubnt;
mod uboot_env;
mod uefi;
mod uimage;
mod unix;
mod vmdk;
mod xiaomi;
mod yaffs;
mod zip;
mod zyxel;

/// All formats.
pub static ALL: &[&dyn Format] = &[
    // What a table says of the whole content decides before what stands at its start
    &mtdparts::MtdParts,
    &nand::NandDump,
    &uefi::IntelFlash,
    &shell_archive::ShellArchive,
    // File systems
    &squashfs::Squashfs,
    &cramfs::Cramfs,
    &romfs::Romfs,
    &erofs::Erofs,
    &ext::Ext,
    &f2fs::F2fs,
    &fat::Fat,
    &jffs2::Jffs2,
    &ubifs::Ubifs,
    &yaffs::Yaffs,
    &minix::Minix,
    &iso9660::Iso9660,
    &btrfs::Btrfs,
    &sealed::Xfs,
    // Partitions and disk images
    &ubi::Ubi,
    &gpt::Gpt,
    &mbr::Mbr,
    &sealed::Luks,
    &android::AndroidSuper,
    &qcow2::Qcow2,
    &vmdk::Vmdk,
    // Archives
    &tar::Tar,
    &cpio::Cpio,
    &zip::Zip,
    &ar::Ar,
    &sevenz::SevenZip,
    &arj::Arj,
    &rar::Rar,
    &lha::Lha,
    &cab::Cab,
    &rpm::Rpm,
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
    &netgear::Chk,
    &xiaomi::Xiaomi,
    &senao::Senao,
    &tplink::Safeloader,
    &instar::Bneg,
    &hp::Bdl,
    &hp::Ipkg,
    &rockchip::Rkfw,
    &rockchip::Rkaf,
    &allwinner::Imagewty,
    &realtek::Realtek,
    &dlink::Shrs,
    &dlink::Encrpted,
    &dlink::Mh01,
    &dlink::Dlk,
    &dlink::DlinkTlv,
    &dlink::AlphaEncimg,
    &dlink::Wrgg,
    &qnap::Qnap,
    &buffalo::Buffalo,
    &hikvision::Hikvision,
    &dahua::Dahua,
    &zyxel::Zynos,
    &android::AndroidBoot,
    &android::AndroidVendorBoot,
    &android::AndroidSparse,
    &android::AndroidPayload,
    &uefi::FirmwareVolume,
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
    &avm::AvmKernel,
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
    &hexfile::IntelHex,
    &hexfile::SRecord,
    &hexfile::Uf2,
    // Without magic, tried last.
    &tar::TarV7,
];

/// The format with this name in the catalogue.
#[must_use]
pub fn find_by_name(name: &str) -> Option<&'static dyn Format> {
    ALL.iter().copied().find(|format| format.doc().name == name)
}
