// SPDX-License-Identifier: Apache-2.0
//! An override that a key grants, in a guest: the challenge is signed here, on the vendor's side, and the signature is
//! typed into the session, from where a process outside it takes it to the agent.

use anyhow::Context;
use ed25519_compact::{KeyPair, Seed};

use super::guest::Guest;
use super::kernels::Kernel;
use super::root::{Entry, Files, PASSWORD};
use super::telnet::Telnet;
use super::truth;

/// Grants one override rightly, and tries every wrong way.
pub fn run(kernel: &Kernel) -> anyhow::Result<()> {
    let vendor = KeyPair::from_seed(Seed::new([7; 32]));
    let stranger = KeyPair::from_seed(Seed::new([8; 32]));
    let mut job = truth::job(&truth::BPF, kernel, policy(&vendor)?, SIGNED)?;
    job.ports.push(23);
    job.seconds = 600;
    let mut guest = Guest::start(kernel, &job)?;
    guest.hear("ready")?;
    let mut telnet = Telnet::connect(*guest.ports.first().context("no port")?)?;
    telnet.log_in("root", PASSWORD)?;
    telnet.until("# ", 15)?;
    telnet.send("echo x > /tmp/o; chmod 755 /tmp/o; echo > /tmp/k/waiting")?;
    for name in ["late", "used"] {
        let challenge = guest.hear("challenge")?;
        for (signer, key) in [("wrong", &stranger), ("right", &vendor)] {
            let signature = hexadecimal(key.sk.sign(challenge.trim(), None).as_ref());
            telnet.send(&format!(
                "echo {signature} > /tmp/k/.s; mv /tmp/k/.s /tmp/k/{name}-{signer}"
            ))?;
        }
    }
    guest.hear("granted")?;
    telnet.send("chmod 755 /tmp/o; test -x /tmp/o && echo > /tmp/k/lifted; echo > /tmp/k/tried")?;
    let outcome = guest.finish()?;
    for line in outcome.all("signed") {
        println!("{}: {line}", kernel.name);
    }
    let bad = outcome.all("signed").find(|line| line.starts_with("BAD"));
    anyhow::ensure!(bad.is_none(), "{}\n{}", bad.unwrap_or_default(), outcome.tail(20));
    anyhow::ensure!(outcome.all("signed").any(|line| line == "over"), "{}", outcome.tail(30));
    println!("{}: {:.1} s", kernel.name, outcome.seconds);
    outcome.good()
}

/// The policy for administrators, but that only the vendor's key grants an override.
fn policy(vendor: &KeyPair) -> anyhow::Result<Files> {
    let text = std::fs::read_to_string(crate::top().join("policies/admin.toml"))?;
    let key = format!("authority = [\"key:{}\"]", hexadecimal(vendor.pk.as_ref()));
    let text = text.replace("authority = [\"console\"]", &key);
    anyhow::ensure!(text.contains(&key), "policies/admin.toml has no authority");
    let policy = kakoi_policy::read(&text).policy.context("the policy has errors")?;
    let blob = kakoi_policy::compile(&policy)?;
    Ok(Files::from([("kakoi/policy.kkb".to_owned(), Entry::File(0o600, blob))]))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const SIGNED: &str = r#"chmod 755 /kakoi /tmp; mkdir -p /tmp/k; chmod 1777 /tmp/k
bad() { say signed "BAD: $*"; }
wait_for() { n=0; while [ ! -e $1 ] && [ $n -lt 600 ]; do usleep 100000; n=$((n+1)); done; test -e $1; }
agent() { kakoi-agent override "$@" 2> /run/said; }
refused() { what=$1; shift; agent "$@" > /dev/null && bad "granted: $what" || say signed "$what: $(tail -n 1 /run/said)"; }
telnetd -l /bin/login -p 23
BACKEND || exit 1
/kakoi/backend/policy /kakoi/policy.kkb || bad "the policy is not taken"
say ready
wait_for /tmp/k/waiting || bad "nobody came"
session=$(/kakoi/backend/events | grep grant-exec | tail -n 1 | sed 's/.*"session":"*\([0-9a-f]*\).*/\1/')
say signed "session $session"
refused "without a signature" $session 60
challenge=$(agent $session 60 --challenge) || bad "no challenge: $(cat /run/said)"
say challenge "$challenge"
wait_for /tmp/k/late-right || bad "nobody signed"
cp /run/kakoi/challenge /run/kept
sed 's/^[0-9]*/1/' /run/kept > /run/kakoi/challenge
refused "a challenge that is too old" $session 60 --signature $(cat /tmp/k/late-right)
challenge=$(agent $session 60 --challenge)
say challenge "$challenge"
wait_for /tmp/k/used-right || bad "nobody signed"
refused "the signature of the challenge before" $session 60 --signature $(cat /tmp/k/late-right)
refused "a stranger's signature" $session 60 --signature $(cat /tmp/k/used-wrong)
refused "another session" 00ffffff 60 --signature $(cat /tmp/k/used-right)
refused "a longer time" $session 600 --signature $(cat /tmp/k/used-right)
agent $session 60 --signature $(cat /tmp/k/used-right) || bad "the vendor's signature is refused: $(cat /run/said)"
refused "the same again" $session 60 --signature $(cat /tmp/k/used-right)
say granted
wait_for /tmp/k/tried
test -e /tmp/k/lifted || bad "the override lifts nothing"
say signed "the vendor's signature lifts it"
say signed over
"#;
