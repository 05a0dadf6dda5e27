//! Lines of output, as text and as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

/// Writes a line.
pub(crate) fn line(out: &mut dyn Write, text: &[u8]) -> io::Result<()> {
    out.write_all(text)?;
    out.write_all(b"\n")
}

/// Writes a JSON value as a line.
pub(crate) fn json_line(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    line(out, value.to_string().as_bytes())
}

/// Bytes in JSON: a string where they're UTF-8, else an object that holds them in hex, so that
/// nothing is lost and no string stands for two values.
pub(crate) fn json_bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"hex": hex})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_their_value_in_json() {
        assert_eq!(json_bytes(b"a\0\"").to_string(), r#""a\u0000\"""#);
        assert_eq!(json_bytes(b"\x80\xff").to_string(), r#"{"hex":"80ff"}"#);
    }
}
