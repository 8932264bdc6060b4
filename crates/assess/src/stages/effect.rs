// SPDX-License-Identifier: Apache-2.0
//! What a command does, apart from what it is called. Both sources of knowledge, the text of a
//! session and its system calls, are turned into effects; stages are judged from effects alone.

/// One thing that a command does. Paths are as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// An interactive shell starts, here or for somebody who connects.
    StartShell,
    /// A word of a vendor's command line.
    VendorWord,
    /// A word that nothing is known of, alone or with arguments.
    UnknownWord,
    /// The working directory changes, or a place is asked whether it can be written to.
    Enter(String),
    /// The table of mounts is read.
    ListMounts,
    /// The system is asked about itself.
    Survey,
    /// A program is named without anything to do: is it there?
    AskTool,
    /// A file's content is read.
    Read(String),
    /// Something is printed only to be seen: an escaped mark, a word of its own, an applet that
    /// cannot exist.
    Mark,
    /// Something else is printed, or nothing happens.
    Nothing,
    /// Bytes come from the network, or through the session itself, into a file if one is named.
    Fetch(Option<String>),
    /// A file is opened for writing and stays empty.
    Create(String),
    /// Bytes are written into a file.
    Write(String, Content),
    /// A file is copied with its mode.
    Copy(String, String),
    /// A file gets another name.
    Move(String, String),
    /// A file gets one more name.
    Link(String, String),
    /// Packed or encoded data is unpacked: from a file or a stream, into a file or a directory.
    Unpack(Content, Option<String>),
    /// A file is made executable.
    Grant(String),
    /// The file is run as a program.
    Execute(String),
    /// A file or stream is run by an interpreter.
    Interpret(Option<String>),
    /// A file is removed.
    Remove(String),
    /// Processes are ended.
    Kill,
    /// Traces of the session are removed.
    HideTraces,
    /// Persistence, destruction, change of the system: nothing that the model holds.
    Tamper,
    /// The same by a program that asks for what follows: the next line may be its answer.
    Converse,
    /// Something that was judged already, inside.
    Judged(super::judge::Meaning),
}

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Content {
    /// The terminal: what the other side sends next.
    #[default]
    Session,
    /// Text that the command line itself holds, escapes decoded.
    Text(Vec<u8>),
    /// Text that was encoded (base64, hex) or unpacked on the way: bytes of unknown form.
    Decoded,
    /// A file.
    File(String),
    /// The network.
    Network,
    /// `/dev/urandom`, `/dev/zero`: noise, only good for destroying.
    Noise,
    /// The output of a program.
    Program,
}
