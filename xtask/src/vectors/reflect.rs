//! A message as JSON, with the names and numbers of the schema.

use anyhow::{Context, Result};
use protox::prost_reflect::prost::Message as _;
use protox::prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage, Value as Field};
use serde_json::{Map, Value, json};

use super::hex;

/// Reads messages by the schema itself, not by the code that is generated from it.
pub(super) struct Schema(DescriptorPool);

impl Schema {
    pub(super) fn load() -> Result<Self> {
        let descriptors = protox::compile(["dht/v1/dht.proto"], [crate::root().join("proto")])?;
        let pool = DescriptorPool::decode(descriptors.encode_to_vec().as_slice())?;
        Ok(Self(pool))
    }

    /// The fields of an encoded `Message`.
    pub(super) fn describe(&self, plaintext: &[u8]) -> Result<Value> {
        let message = self.0.get_message_by_name("dht.v1.Message").context("in the schema")?;
        Ok(object(&DynamicMessage::decode(message, plaintext)?))
    }
}

fn object(message: &DynamicMessage) -> Value {
    let descriptor = message.descriptor();
    let fields = descriptor
        .fields()
        .filter(|field| message.has_field(field))
        .map(|field| (field.name().to_owned(), value(&message.get_field(&field))));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn value(field: &Field) -> Value {
    match field {
        Field::Bool(value) => json!(value),
        Field::I32(value) | Field::EnumNumber(value) => json!(value),
        Field::I64(value) => json!(value.to_string()),
        Field::U32(value) => json!(value),
        // A number of 64 bits is no exact number in every JSON reader.
        Field::U64(value) => json!(value.to_string()),
        Field::F32(value) => json!(value),
        Field::F64(value) => json!(value),
        Field::String(value) => json!(value),
        Field::Bytes(value) => json!(hex(value)),
        Field::Message(message) => object(message),
        Field::List(values) => values.iter().map(value).collect(),
        Field::Map(_) => Value::Null,
    }
}
