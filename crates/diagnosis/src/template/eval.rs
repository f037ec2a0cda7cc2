//! Parts and data to text.

use model::Labels;

use super::parse::{Command, Operand, Part, Pipeline};
use super::{EXPANDED_BYTES_MAX, TemplateData, TemplateError, float, functions};

/// What an operand stands for.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Text(String),
    Number(f64),
    Bool(bool),
    Labels(&'a Labels),
    /// `.` alone: everything a template can speak of.
    Data,
}

impl Value<'_> {
    /// Go's truth: not zero, not empty.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Text(text) => !text.is_empty(),
            Value::Number(number) => *number != 0.0,
            Value::Bool(value) => *value,
            Value::Labels(labels) => !labels.is_empty(),
            Value::Data => true,
        }
    }

    /// As Go's `%v`.
    pub(super) fn show(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Number(number) => float::general(*number, None),
            Value::Bool(value) => value.to_string(),
            Value::Labels(labels) => {
                let pairs: Vec<_> = labels.iter().map(|(n, v)| format!("{n}:{v}")).collect();
                format!("map[{}]", pairs.join(" "))
            }
            Value::Data => "{}".to_owned(),
        }
    }
}

pub(super) fn write_parts(
    parts: &[Part],
    data: &TemplateData<'_>,
    text: &mut String,
) -> Result<(), TemplateError> {
    for part in parts {
        match part {
            Part::Text(literal) => text.push_str(literal),
            Part::Show(pipeline) => text.push_str(&evaluate(pipeline, data)?.show()),
            Part::If(branches) => {
                for (condition, parts) in branches {
                    let taken = match condition {
                        Some(pipeline) => evaluate(pipeline, data)?.is_true(),
                        None => true,
                    };
                    if taken {
                        write_parts(parts, data, text)?;
                        break;
                    }
                }
            }
        }
        if text.len() > EXPANDED_BYTES_MAX {
            return Err(TemplateError::TooLong);
        }
    }
    Ok(())
}

fn evaluate<'a>(pipeline: &Pipeline, data: &TemplateData<'a>) -> Result<Value<'a>, TemplateError> {
    let mut piped = None;
    for command in &pipeline.0 {
        piped = Some(match command {
            Command::Value(operand) if piped.is_none() => resolve(operand, data)?,
            // Go: the result of a command is an argument of the next, which must be a function.
            Command::Value(_) => {
                return Err(TemplateError::Syntax {
                    what: "a value after a pipe is no function".to_owned(),
                    at: 0,
                });
            }
            Command::Call {
                function,
                arguments,
            } => {
                let mut values = Vec::with_capacity(arguments.len() + 1);
                for argument in arguments {
                    values.push(resolve(argument, data)?);
                }
                values.extend(piped);
                functions::call(function, values)?
            }
        });
    }
    // The parser makes no empty pipeline; an empty text is what one would show.
    Ok(piped.unwrap_or(Value::Text(String::new())))
}

fn resolve<'a>(operand: &Operand, data: &TemplateData<'a>) -> Result<Value<'a>, TemplateError> {
    let (value, fields) = match operand {
        Operand::Text(text) => return Ok(Value::Text(text.clone())),
        Operand::Number(number) => return Ok(Value::Number(*number)),
        Operand::Bool(value) => return Ok(Value::Bool(*value)),
        Operand::Group { pipeline, fields } => (evaluate(pipeline, data)?, fields),
        Operand::Path { variable, fields } => {
            let value = match variable.as_str() {
                "" => Value::Data,
                "labels" => Value::Labels(data.labels),
                "externalLabels" => Value::Labels(data.external_labels),
                "value" => Value::Number(data.value),
                "externalURL" => {
                    return Err(TemplateError::Unsupported {
                        name: "$externalURL".to_owned(),
                    });
                }
                name => {
                    return Err(TemplateError::UnknownVariable {
                        name: format!("${name}"),
                    });
                }
            };
            (value, fields)
        }
    };
    let mut value = value;
    for field in fields {
        value = field_of(&value, field, data)?;
    }
    Ok(value)
}

fn field_of<'a>(
    value: &Value<'a>,
    field: &str,
    data: &TemplateData<'a>,
) -> Result<Value<'a>, TemplateError> {
    let of = match value {
        // A label that is absent is the empty text, as in Prometheus.
        Value::Labels(labels) => {
            let label = labels.get(field).unwrap_or_default();
            return Ok(Value::Text(label.to_owned()));
        }
        Value::Data => match field {
            "Labels" => return Ok(Value::Labels(data.labels)),
            "ExternalLabels" => return Ok(Value::Labels(data.external_labels)),
            "Value" => return Ok(Value::Number(data.value)),
            _ => "the alert",
        },
        Value::Text(_) => "a text",
        Value::Number(_) => "a number",
        Value::Bool(_) => "a truth value",
    };
    Err(TemplateError::Field {
        field: field.to_owned(),
        of,
    })
}
