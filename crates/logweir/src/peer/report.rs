//! The table of settings that the peers' router, reverse log proxy and gateway print
//! when they start.

use super::envstruct::Row;

/// Least spaces between two columns.
const GAP: usize = 2;

/// The table, one row a line, without a final line end.
pub(crate) fn table(rows: &[Row]) -> String {
    let head = ["FIELD NAME:", "TYPE:", "ENV:", "REQUIRED:", "VALUE:"].map(String::from);
    let mut lines = vec![head];
    lines.extend(rows.iter().map(|row| {
        [
            row.name.into(),
            row.kind.into(),
            row.variable.into(),
            row.required.to_string(),
            row.value.clone().unwrap_or_else(|| "(OMITTED)".into()),
        ]
    }));
    let mut widths = [0; 5];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count() + GAP);
        }
    }
    let lines: Vec<String> = lines.iter().map(|line| aligned(line, &widths)).collect();
    lines.join("\n")
}

fn aligned(cells: &[String; 5], widths: &[usize; 5]) -> String {
    let mut line = String::new();
    for (cell, width) in cells[..4].iter().zip(widths) {
        line.push_str(&format!("{cell:<width$}"));
    }
    line.push_str(&cells[4]);
    line
}

#[cfg(test)]
mod tests {
    use super::{Row, table};

    #[test]
    fn columns_are_aligned_and_values_left_out() {
        let row = |name, variable, value: Option<&str>| Row {
            name,
            kind: "string",
            variable,
            required: value.is_some(),
            value: value.map(String::from),
        };
        let rows = [
            row("HTTP.GatewayAddr", "GATEWAY_ADDR", Some("127.0.0.1:8088")),
            row("Config.X", "SECRET", None),
        ];
        assert_eq!(
            table(&rows),
            "\
FIELD NAME:       TYPE:   ENV:          REQUIRED:  VALUE:
HTTP.GatewayAddr  string  GATEWAY_ADDR  true       127.0.0.1:8088
Config.X          string  SECRET        false      (OMITTED)"
        );
    }
}
