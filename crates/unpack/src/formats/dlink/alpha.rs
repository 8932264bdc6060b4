// SPDX-License-Identifier: Apache-2.0
//! Images of Alpha Networks: WRGG, a header of 160 bytes, and `encimg`, AES-256 in CBC mode with a
//! key that the device's signature is mixed into.

use kakoi_model::{Confidence, Endian, Problem};

use super::super::parts::printable;
use super::{check_room, no_key};
use crate::codec::cipher;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The whole image encrypted, its header too.
pub(in crate::formats) struct AlphaEncimg;

/// A plain header in front of a plain or encrypted image.
pub(in crate::formats) struct Wrgg;

static ENCIMG: FormatDoc = FormatDoc {
    name: "dlink-encimg",
    title: "D-Link encrypted firmware (encimg)",
    family: Family::Header,
    scope: Scope::Start,
    magics: &[
        Magic::new(DEVICES[0].start),
        Magic::new(DEVICES[1].start),
        Magic::new(DEVICES[2].start),
        Magic::new(DEVICES[3].start),
        Magic::new(DEVICES[4].start),
        Magic::new(DEVICES[5].start),
        Magic::new(DEVICES[6].start),
        Magic::new(DEVICES[7].start),
        Magic::new(OTHERS[0]),
        Magic::new(OTHERS[1]),
        Magic::new(OTHERS[2]),
        Magic::new(OTHERS[3]),
        Magic::new(OTHERS[4]),
        Magic::new(OTHERS[5]),
    ],
    reads: "DAP-1665 B, DAP-1720 A, DIR-822 C, DIR-842 C, DIR-850L, DIR-859 A; the SEAMA header \
            inside proves the key",
    limits: "DIR-865L, 868L, 880L, 885L, 890L and 895L are reported as encrypted",
    references: &[
        "unblob, handlers/archive/dlink/alpha_encimg.py (facts only)",
        "github.com/devttys0/delink, src/encimg.rs (facts only)",
    ],
};

static WRGG: FormatDoc = FormatDoc {
    name: "wrgg",
    title: "Alpha Networks firmware (WRGG)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[
        Magic::at(32, b"\x21\x03\x08\x20\x21\x03\x08\x20"),
        Magic::at(32, b"\x20\x08\x03\x21\x20\x08\x03\x21"),
    ],
    reads: "both byte orders; images of DAP-2xxx devices are decrypted",
    limits: "the digest is not checked; what does not decrypt to the beginning of a kernel is yielded as it \
             is",
    references: &["OpenWrt tools/firmware-utils/src/mkwrggimg.c (facts only)"],
};

struct Device {
    /// How its images begin.
    start: &'static [u8],
    signature: &'static [u8],
    key: &'static [u8; 32],
    iv: &'static [u8; 16],
}

const DEVICES: [Device; 8] = [
    Device {
        start: b"\x35\x66\x6f\x68\xef\x1a\xfe\x1f\x34\xef\x4f\x11\x21\x05\x4e\xbe",
        signature: b"wapac25_dlink.2015_dap1665",
        key: b"EfCHXytwsC6F0zsedwZc+9vDbCjE3ge4",
        iv: b"ggPy917jwESpnfXm",
    },
    Device {
        start: b"\x68\x01\xcc\xfb\xad\x6b\xa0\xba\x33\x04\xb0\x9c\xbb\x48\xb0\x27",
        signature: b"wapac28_dlink.2015_dap1720",
        key: b"qBiz6o/1RVQTtJBd3FS7FDbqogE8yoBm",
        iv: b"EfDMqWWxHCOhEqgY",
    },
    Device {
        start: b"\xdf\x8c\x39\x0d\x22\xb4\xdc\x29\xfb\x4e\xbf\xdb\xe8\xe1\x8b\xfb",
        signature: b"wrgac43s_dlink.2015_dir822c1",
        key: b"KNpsEntCcsep1jdFIs3wnXySKRGNCGmf",
        iv: b"uph587JdKHrtAUlr",
    },
    Device {
        start: b"\xf5\x2a\xa0\xb4\x92\x53\xbf\xef\xf8\x21\xa6\x2e\x28\xa7\x39\x8b",
        signature: b"wrgac65_dlink.2015_dir842",
        key: b"xQYoRZeD726UAbRb846kO7TeNw8eZa6u",
        iv: b"zufEbNF3kUafxFiE",
    },
    Device {
        start: b"\x21\xdd\xda\x00\x99\xd8\x87\xa9\xd5\x2d\x7e\xff\x3b\x58\x70\xa6",
        signature: b"wrgac65_dlink.2015_dir842EU",
        key: b"xQYoRZeD726UAbRb846kO7TeNw8eZa6u",
        iv: b"zufEbNF3kUafxFiE",
    },
    Device {
        start: b"\xe3\x13\x00\x5b\x76\xdf\x0b\xe8\x83\x24\x5a\x42\xff\x91\x2d\x3d",
        signature: b"wrgac05_dlob.hans_dir850l",
        key: b"BIuS1CVMEQG+0pUeE99jnR+vLlLd9unr",
        iv: b"f3+odwHhmJL1ceW1",
    },
    Device {
        start: b"\x0a\x14\xe4\x24\xff\x0f\xb4\xd7\x53\x66\xa0\xb0\x72\xfe\xab\xdf",
        signature: b"wrgac25_dlink.2013gui_dir850l",
        key: b"qQehHMEmEPQ5izL+cabn8bNHZXHjkp6W",
        iv: b"Mmb+IKQgnO8OuF4b",
    },
    Device {
        start: b"\x4c\x1b\x95\xaf\x93\x72\x5f\x81\x03\x03\x96\x4d\xdd\x76\x01\x74",
        signature: b"wrgac37_dlink.2013gui_dir859",
        key: b"KY0H9R2PDL3eu1J4uCVd1CK7BJ7vF1kc",
        iv: b"qbStAzIRvWeQHz5U",
    },
];

/// Images of devices whose keys are not published with the others: DIR-865L, 868L, 880L, 885L,
/// 890L and 895L.
const OTHERS: [&[u8]; 6] = [
    b"\x98\x9c\x3c\x2c\x6b\x19\x1b\x25\x6e\x03\xee\x0f\x72\x5c\x6c\xa0",
    b"\x3d\xe6\x02\x63\x3f\xc1\x85\xe7\xd2\xbf\x64\xaf\x29\x57\x3a\xbd",
    b"\x8e\x69\x57\xe7\x76\x09\xd7\x94\x47\x75\x78\xa2\x4a\x1f\xc9\xb2",
    b"\x92\x61\x58\x58\x14\xdb\xbb\x3b\xe5\xa5\xf3\xe7\x10\x9c\xa2\x0b",
    b"\xcb\xc3\xa7\x4c\x50\x0f\x42\x43\xa5\xd9\x7c\xa5\x25\x6b\xcd\xba",
    b"\x91\x5a\xc9\xa2\x11\xff\xaa\x6d\xb0\x12\xe8\x8d\x2c\x3c\x23\xcb",
];

/// SEAMA, and SEAMA behind a seal (DLOB).
const PLAIN: [&[u8]; 1] = [b"\x5e\xa3\xa4\x17"];

/// Key and vector are mixed with the signature and a counter.
fn mix<const N: usize>(bytes: &[u8; N], signature: &[u8]) -> [u8; N] {
    let mut mixed = *bytes;
    for (index, (byte, sign)) in mixed.iter_mut().zip(signature.iter().cycle()).enumerate() {
        *byte ^= (index as u8).wrapping_add(1) ^ sign;
    }
    mixed
}

impl Format for AlphaEncimg {
    fn doc(&self) -> &'static FormatDoc {
        &ENCIMG
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if !ENCIMG.magics.iter().any(|magic| input.tail(start).starts_with(magic.bytes)) {
            return Err(Refusal("no known device"));
        }
        // Sixteen known bytes are as good as a checksum.
        Ok(Claim { start, end: input.len(), confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let bytes = input.tail(claim.start);
        check_room(bytes.len(), claim.start, output)?;
        output.attribute("cipher", "aes-256-cbc");
        let device = DEVICES.iter().find(|device| bytes.starts_with(device.start));
        let device = device.ok_or_else(|| no_key(claim.start))?;
        output.attribute("device", String::from_utf8_lossy(device.signature));
        let (key, iv) = (mix(device.key, device.signature), mix(device.iv, device.signature));
        let image = cipher::cbc(&key, iv, bytes).unwrap_or_default();
        if !PLAIN.iter().any(|plain| image.starts_with(plain)) {
            return Err(no_key(claim.start));
        }
        output.payload("image", image.into())
    }
}

/// Length of the plain header.
const HEADER: usize = 0xa0;

const WRGG_KEY: &[u8; 32] = b"oVhq0hvXHdfaGFLdubM4/QvuVHdKee7v";
const WRGG_IV: &[u8; 16] = b"0BO5nlYankuVBe4s";

/// How kernels begin: LZMA, a device tree or FIT, a multi-file image of Alpha's, uImage, gzip.
const KERNELS: [&[u8]; 5] = [
    b"\x5d\0\0\x80",
    b"\xd0\x0d\xfe\xed",
    b"\x10\xec\x7a\x0d",
    b"\x27\x05\x19\x56",
    b"\x1f\x8b\x08",
];

fn size(input: &Input, start: usize) -> Result<(usize, Endian), Problem> {
    let little = input.size32(start + 104, Endian::Little, "size")?;
    let big = input.size32(start + 104, Endian::Big, "size")?;
    Ok(if big <= little { (big, Endian::Big) } else { (little, Endian::Little) })
}

impl Format for Wrgg {
    fn doc(&self) -> &'static FormatDoc {
        &WRGG
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let signature = input.text(start, 32, "signature")?;
        if !WRGG.magics.iter().any(|magic| input.tail(start + 32).starts_with(magic.bytes))
            || signature.len() < 4
            || !signature.iter().all(u8::is_ascii_graphic)
        {
            return Err(Refusal("signature"));
        }
        let (size, _) = size(input, start)?;
        let end = (start + HEADER).saturating_add(size).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        let signature = input.text(start, 32, "signature")?;
        let (size, endian) = size(input, start)?;
        output.attribute("signature", printable(signature));
        output.attribute("version", printable(input.bytes(start + 40, 16, "version")?));
        output.attribute("model", printable(input.bytes(start + 56, 16, "model")?));
        output.attribute("byte-order", if endian == Endian::Big { "big" } else { "little" });
        let data = start + HEADER;
        let bytes = input.tail(data).get(..size).unwrap_or(input.tail(data));
        let begins = |bytes: &[u8]| KERNELS.iter().any(|kernel| bytes.starts_with(kernel));
        let (key, iv) = (mix(WRGG_KEY, signature), mix(WRGG_IV, signature));
        let first = cipher::cbc(&key, iv, bytes.get(..16).unwrap_or_default());
        if begins(bytes) || !first.is_some_and(|first| begins(&first)) {
            return output.part("image", data..data.saturating_add(size));
        }
        check_room(bytes.len(), data, output)?;
        output.attribute("cipher", "aes-256-cbc");
        output.payload("image", cipher::cbc(&key, iv, bytes).unwrap_or_default().into())
    }
}
