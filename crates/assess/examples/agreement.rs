// SPDX-License-Identifier: Apache-2.0
//! Compares stages with labels: `agreement TRANSCRIPT.txt…`, the labels beside each as `.stages`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]
use kakoi_assess::stages::{Matrix, classify_transcript, parse_labels};
fn main() {
    let mut matrix = Matrix::default();
    for path in std::env::args().skip(1) {
        let text = std::fs::read(&path).unwrap();
        let labels = std::fs::read_to_string(path.replace(".txt", ".stages")).unwrap();
        let labels_parsed = parse_labels(&labels).unwrap();
        let lines = classify_transcript(&text);
        for number in matrix.add_transcript(&labels_parsed, &lines) {
            let raw = text.split(|b| *b == b'\n').nth(number as usize - 1).unwrap();
            println!("{path}:{number} {}", String::from_utf8_lossy(raw));
            println!(
                "   label  {}",
                labels.lines().find(|l| l.starts_with(&format!("{number}\t"))).unwrap_or("-")
            );
            println!(
                "   answer {}",
                lines.iter().find(|l| l.number == number).map_or("-".into(), |l| l.to_tsv())
            );
        }
        for line in &lines {
            let own = line.to_tsv();
            let theirs = labels
                .lines()
                .find(|l| l.starts_with(&format!("{}\t", line.number)))
                .unwrap_or("-");
            if own != theirs && own.replace('m', "") == theirs.replace('m', "") {
                println!("   m: {own} / {theirs}");
            } else if own.split('\t').nth(1) != theirs.split('\t').nth(1) {
                println!("   line: {own} / {theirs}");
            }
        }
    }
    println!("{}", matrix.render());
}
