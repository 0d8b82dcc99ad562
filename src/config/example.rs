//! The commented example file, made from the comments of the settings and their defaults.

use super::Config;

/// What is read for the comments.
const SOURCE: &str = include_str!("settings.rs");

/// A complete configuration file in which every setting stands commented out with its default.
pub fn example() -> String {
    let defaults = toml::Table::try_from(Config::default()).unwrap_or_default();
    let mut text = String::from(
        "# The settings of Madang. Everything here is commented out and shows the default.\n\
         # A setting can also come from the environment: server.listen as MADANG_SERVER__LISTEN.\n\
         # There the values of a list have commas between them: https://a.example,https://b.example\n",
    );
    for (section, title) in fields_of("Config") {
        text.push('\n');
        comment(&mut text, &title);
        text.push_str(&format!("[{section}]\n"));
        let settings = defaults.get(&section).and_then(toml::Value::as_table);
        for (key, about) in fields_of(&struct_name(&section)) {
            comment(&mut text, &about);
            let default = settings.and_then(|settings| settings.get(&key));
            if let Some(default) = default {
                text.push_str(&format!("# {key} = {default}\n"));
            }
        }
    }
    text
}

/// The fields of a struct in the source, each with its comment.
fn fields_of(name: &str) -> Vec<(String, Vec<String>)> {
    let start = format!("pub struct {name} {{");
    let body = SOURCE
        .lines()
        .skip_while(|line| *line != start)
        .skip(1)
        .take_while(|line| *line != "}");
    let mut fields = Vec::new();
    let mut about = Vec::new();
    for line in body.map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            about.push(comment.trim().to_owned());
        } else if let Some((field, _)) = line.strip_prefix("pub ").and_then(|rest| rest.split_once(':')) {
            fields.push((field.to_owned(), std::mem::take(&mut about)));
        }
    }
    fields
}

/// `storage` -> `Storage`.
fn struct_name(section: &str) -> String {
    let mut characters = section.chars();
    characters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(characters)
        .collect()
}

fn comment(text: &mut String, lines: &[String]) {
    for line in lines {
        text.push_str(&format!("# {line}\n"));
    }
}
