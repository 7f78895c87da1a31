// Rust: a table with a header line on stdin becomes a JSON array of objects on stdout.
//
//     printf 'name,age\nAda,36\n' | spear run csv_to_json.wasm        → [{"name":"Ada","age":"36"}]
//
// An argument sets the separator (default ','). A line with too many fields ends the function with exit code 2.
use std::io::{self, BufRead, Write};

// Module "spear" of the host; see sdk/c/spear.h for what it says.
#[link(wasm_import_module = "spear")]
extern "C" {
    #[link_name = "log"]
    fn spear_log(level: i32, text: *const u8, text_bytes: usize) -> i32;
}
const SPEAR_INFO: i32 = 2;

fn log(text: &str) {
    // Safe: the host reads text.len() bytes from there, during the call only.
    unsafe { spear_log(SPEAR_INFO, text.as_ptr(), text.len()) };
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out += &format!("\\u{:04x}", c as u32),
            c => out.push(c),
        }
    }
    out + "\""
}

fn convert(input: impl BufRead, separator: &str, out: &mut impl Write) -> io::Result<usize> {
    let mut lines = input.lines();
    let header = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let names: Vec<&str> = header.split(separator).collect();
    let mut count = 0;
    write!(out, "[")?;
    for line in lines {
        let line = line?;
        let fields: Vec<&str> = line.split(separator).collect();
        if fields.len() > names.len() {
            let text = format!("row {} has {} fields, the header {}", count + 1, fields.len(), names.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let pairs: Vec<String> = names.iter().zip(&fields).map(|(n, f)| quoted(n) + ":" + &quoted(f)).collect();
        write!(out, "{}{{{}}}", if count > 0 { "," } else { "" }, pairs.join(","))?;
        count += 1;
    }
    writeln!(out, "]")?;
    Ok(count)
}

fn main() {
    let separator = std::env::args().nth(1).unwrap_or_else(|| ",".to_string());
    match convert(io::stdin().lock(), &separator, &mut io::stdout().lock()) {
        Ok(count) => log(&format!("{} rows", count)),
        Err(error) => {
            eprintln!("csv_to_json: {}", error);
            std::process::exit(2);
        }
    }
}
