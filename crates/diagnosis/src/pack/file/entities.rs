//! The entities and relations of a pack.yaml.

use crate::pack::{Entity, Property, Relation};
use crate::reader::{Fields, Mistake, Reader};
use crate::yaml::{Field, Node};

pub(super) fn read_entities(reader: &mut Reader, fields: &Fields<'_>) -> Vec<Entity> {
    let nodes = reader.list(fields, "entities").iter();
    nodes.filter_map(|node| read_entity(reader, node)).collect()
}

fn read_entity(reader: &mut Reader, node: &Node) -> Option<Entity> {
    let fields = reader.fields(node, "an entity", &["type", "id", "properties"])?;
    let mut properties = Vec::new();
    for Field {
        name: key,
        value: node,
        ..
    } in reader.entries(&fields, "properties")
    {
        let Some(fields) = reader.fields(node, "a property", &["const", "from", "label"]) else {
            continue;
        };
        let constant = reader.text(&fields, "const");
        let (metric, label) = (reader.text(&fields, "from"), reader.text(&fields, "label"));
        match (constant, metric, label) {
            (Some(value), None, None) => {
                properties.push((key.clone(), Property::Const(value)));
            }
            (None, Some(metric), Some(label)) => {
                properties.push((key.clone(), Property::Label { metric, label }));
            }
            _ => {
                let text = "a property has either const or both from and label";
                reader.report(node.line, Mistake::Contradiction { text });
            }
        }
    }
    Some(Entity {
        kind: reader.required_text(&fields, "type")?,
        id: reader.texts(&fields, "id"),
        properties,
    })
}

pub(super) fn read_relations(reader: &mut Reader, fields: &Fields<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    for node in reader.list(fields, "relations") {
        let fields = reader.fields(node, "a relation", &["from", "to", "kind", "by"]);
        let relation = fields.and_then(|fields| {
            Some(Relation {
                from: reader.required_text(&fields, "from")?,
                to: reader.required_text(&fields, "to")?,
                kind: reader.required_text(&fields, "kind")?,
                by: reader.required_text(&fields, "by")?,
            })
        });
        relations.extend(relation);
    }
    relations
}
