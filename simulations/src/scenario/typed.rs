//! From a TOML value to a type, with the place of what is wrong.
//!
//! serde tells what does not fit and not where; a deserializer that knows its way does. It reads
//! values that are parsed already, and never text.

use std::fmt;

use serde::de::{
    self, Deserialize, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use toml::{Table, Value};

/// A step into a value: a field's name, or the place of an element, from 0.
pub type Step = String;

/// What does not fit, where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// From the root to the field.
    pub place: Vec<Step>,
    /// What is wrong; and after a semicolon, the mend.
    pub words: String,
}

impl Wrong {
    /// Something is wrong with the value itself.
    pub fn new(words: impl Into<String>) -> Self {
        Self { place: Vec::new(), words: words.into() }
    }

    /// The same, seen from the value that has it as this field.
    #[must_use]
    pub fn within(mut self, step: impl Into<Step>) -> Self {
        self.place.insert(0, step.into());
        self
    }

    /// The place as people write it: steps with dots between them.
    pub fn dotted(&self) -> String {
        self.place.join(".")
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.dotted())?;
        }
        f.write_str(&self.words)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(words: T) -> Self {
        Self::new(words.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("is {found}; write {expected}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("is {found}; write {expected}"))
    }

    fn invalid_length(found: usize, expected: &dyn de::Expected) -> Self {
        Self::new(format!("has {found} elements; write {expected}"))
    }

    fn unknown_variant(found: &str, known: &'static [&'static str]) -> Self {
        Self::new(format!("{found:?} is unknown; write one of {}", known.join(", ")))
    }

    fn unknown_field(found: &str, known: &'static [&'static str]) -> Self {
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Self::new(format!("no such field; the fields here are {known}")).within(found)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("is missing; write it").within(field)
    }
}

/// The value as a type.
pub fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Wrong> {
    T::deserialize(At(value))
}

/// A field that must be there.
pub fn required<T: DeserializeOwned>(table: &mut Table, field: &str) -> Result<T, Wrong> {
    let missing = || Wrong::new("is missing; write it").within(field);
    optional(table, field)?.ok_or_else(missing)
}

/// A field that may be there.
pub fn optional<T: DeserializeOwned>(table: &mut Table, field: &str) -> Result<Option<T>, Wrong> {
    let Some(value) = table.remove(field) else { return Ok(None) };
    typed(value).map(Some).map_err(|wrong| wrong.within(field))
}

/// The variant of an enum whose fields these are.
pub fn variant<T: DeserializeOwned>(name: &str, fields: Table) -> Result<T, Wrong> {
    T::deserialize(Variant { name: name.to_owned(), fields: Value::Table(fields) })
}

/// The variant of an enum that is tagged by a field among the others. serde buffers those, so that
/// the place of a mistake is lost; it is the field without which there is another mistake, or none.
pub fn tagged<T: DeserializeOwned>(tag: &str, name: &str, fields: Table) -> Result<T, Wrong> {
    let with_tag = |mut fields: Table| {
        fields.insert(tag.to_owned(), Value::String(name.to_owned()));
        typed::<T>(Value::Table(fields))
    };
    let wrong = match with_tag(fields.clone()) {
        Ok(read) => return Ok(read),
        Err(wrong) => wrong,
    };
    if wrong.place.first().is_some_and(|step| fields.contains_key(step)) {
        return Err(wrong);
    }
    // Without a field that must be there, that would be the mistake; tables may all be absent.
    let may_be_to_blame = |value: &Value| wrong.place.is_empty() || value.is_table();
    let is_to_blame = |field: &str| {
        let mut fewer = fields.clone();
        fewer.remove(field);
        with_tag(fewer).err().as_ref() != Some(&wrong)
    };
    let mut blamed = fields.iter().filter(|(_, value)| may_be_to_blame(value));
    let blamed = blamed.find(|(field, _)| is_to_blame(field)).map(|(field, _)| field.clone());
    Err(blamed.into_iter().fold(wrong, Wrong::within))
}

/// A value that is to be read.
struct At(Value);

impl<'de> de::Deserializer<'de> for At {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            Value::Integer(number) => visitor.visit_i64(number),
            Value::Float(number) => visitor.visit_f64(number),
            Value::Boolean(yes) => visitor.visit_bool(yes),
            Value::Datetime(time) => visitor.visit_string(time.to_string()),
            Value::Array(elements) => {
                visitor.visit_seq(Elements { elements: elements.into_iter(), next: 0 })
            }
            Value::Table(fields) => {
                visitor.visit_map(Fields { fields: fields.into_iter(), value: None })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(name.into_deserializer()),
            other => Err(Wrong::new(format!("is {}; write a name", kind_of(&other)))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// What a value is called when it is not what was expected.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a time",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

struct Elements {
    elements: std::vec::IntoIter<Value>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Elements {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        let Some(element) = self.elements.next() else { return Ok(None) };
        let place = self.next.to_string();
        self.next += 1;
        seed.deserialize(At(element)).map(Some).map_err(|wrong| wrong.within(place))
    }
}

struct Fields {
    fields: toml::map::IntoIter<String, Value>,
    value: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        let Some((field, value)) = self.fields.next() else { return Ok(None) };
        self.value = Some((field.clone(), value));
        seed.deserialize(field.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let (field, value) = self
            .value
            .take()
            .ok_or_else(|| Wrong::new("a value was asked for before its field"))?;
        seed.deserialize(At(value)).map_err(|wrong| wrong.within(field))
    }
}

/// A variant whose name and fields are known.
struct Variant {
    name: String,
    fields: Value,
}

impl<'de> de::Deserializer<'de> for Variant {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        option newtype_struct unit_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Wrong;
    type Variant = At;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, At), Wrong> {
        Ok((seed.deserialize(self.name.into_deserializer())?, At(self.fields)))
    }
}

impl<'de> VariantAccess<'de> for At {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        <()>::deserialize(self)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        de::Deserializer::deserialize_any(self, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        de::Deserializer::deserialize_any(self, visitor)
    }
}
