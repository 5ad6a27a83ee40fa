//! Any text is read within the limits; a line that is bad in it is bad alone too, and
//! leaves no trace.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_wire::prometheus_text::{ERRORS, Limits, parse};

const LIMITS: Limits = Limits {
    samples: 16,
    families: 8,
    labels: 4,
};

fuzz_target!(|text: &[u8]| {
    let found = parse(text, &LIMITS);
    assert!(found.families.len() <= LIMITS.families);
    assert_eq!(found.errors.len(), found.bad_lines.min(ERRORS));
    let samples: usize = found
        .families
        .iter()
        .map(|family| family.samples.len())
        .sum();
    assert!(samples <= LIMITS.samples);
    for family in &found.families {
        assert!(!family.name.is_empty() && !family.samples.is_empty());
        for sample in &family.samples {
            assert!(sample.labels.len() <= LIMITS.labels);
        }
    }
    if found.bad_lines > ERRORS {
        return;
    }
    let bad: Vec<usize> = found.errors.iter().map(|error| error.line).collect();
    let good: Vec<&[u8]> = (1..)
        .zip(text.split(|byte| *byte == b'\n'))
        .filter(|(line, _)| !bad.contains(line))
        .map(|(_, bytes)| bytes)
        .collect();
    let good = good.join(&b'\n');
    let again = parse(&good, &LIMITS);
    assert_eq!(again.bad_lines, 0);
    // As text, so that NaN is equal to itself.
    assert_eq!(
        format!("{:?}", again.families),
        format!("{:?}", found.families)
    );
    assert_eq!(again.left_out, found.left_out);
});
