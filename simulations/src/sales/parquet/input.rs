//! Finds a table in the wheel or beside the file given, and opens it within bounds.
//!
//! It never looks at values.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Row;
use ::parquet::schema::types::Type;
use bytes::Bytes;
use zip::ZipArchive;

use crate::sales::LoadError;
use crate::sales::limits::{FILE_BYTES_MAX, ROWS_MAX};

/// The table of till lines.
pub(super) const TRANSACTIONS: &str = "transactions.parquet";

/// The table of products.
pub(super) const PRODUCTS: &str = "products.parquet";

/// An open table.
pub(super) struct Table {
    /// Its path, for messages.
    pub name: String,
    /// Reads it.
    pub reader: SerializedFileReader<Bytes>,
}

impl Table {
    /// The error for what the reader said about this table.
    pub fn unreadable(&self, error: &ParquetError) -> LoadError {
        self.damaged(error.to_string())
    }

    /// The error for something found in this table.
    pub fn damaged(&self, why: String) -> LoadError {
        unreadable(&self.name, why)
    }

    /// Every row, with only these columns, in this order.
    pub fn rows(
        &self,
        names: &[&str],
    ) -> Result<impl Iterator<Item = Result<Row, ParquetError>> + '_, LoadError> {
        let schema = self.reader.metadata().file_metadata().schema();
        let column = |name: &&str| {
            let found = schema.get_fields().iter().find(|field| field.name() == *name);
            found.cloned().ok_or_else(|| self.damaged(format!("column {name}: is not there")))
        };
        let fields = names.iter().map(column).collect::<Result<Vec<Arc<Type>>, _>>()?;
        let wanted = Type::group_type_builder(schema.name()).with_fields(fields).build();
        let wanted = wanted.map_err(|e| self.unreadable(&e))?;
        self.reader.get_row_iter(Some(wanted)).map_err(|e| self.unreadable(&e))
    }
}

/// Opens a table that must be there: a member of the wheel, or the file itself.
pub(super) fn open(path: &Path, table: &str) -> Result<Table, LoadError> {
    open_optional(path, table)?
        .ok_or_else(|| unreadable(&path.display().to_string(), format!("it holds no {table}")))
}

/// Opens a table, or gives `None` where the wheel has no such member or no such file lies beside
/// the one given. `transactions.parquet` may have any name of its own.
pub(super) fn open_optional(path: &Path, table: &str) -> Result<Option<Table>, LoadError> {
    let shown = path.display().to_string();
    let bytes = if is_zip(path)? {
        member(path, &shown, table)?
    } else if table == TRANSACTIONS {
        Some(whole(path)?)
    } else {
        let beside = path.with_file_name(table);
        if beside.exists() { Some(whole(&beside)?) } else { None }
    };
    let Some(bytes) = bytes else { return Ok(None) };
    let name = format!("{shown}: {table}");
    let reader = SerializedFileReader::new(bytes).map_err(|e| unreadable(&name, e.to_string()))?;
    let rows = u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(u64::MAX);
    bounded("the number of rows", rows, ROWS_MAX)?;
    Ok(Some(Table { name, reader }))
}

/// Whether the file begins as a zip archive does.
fn is_zip(path: &Path) -> Result<bool, LoadError> {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4).read_to_end(&mut start));
    read.map_err(|e| unreadable(&path.display().to_string(), e.to_string()))?;
    Ok(start == *b"PK\x03\x04")
}

/// A file as a whole.
fn whole(path: &Path) -> Result<Bytes, LoadError> {
    let shown = path.display().to_string();
    let failed = |e: std::io::Error| unreadable(&shown, e.to_string());
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    bounded("the size of the file in bytes", size, FILE_BYTES_MAX)?;
    read_bounded(file).map_err(failed)
}

/// The first member of the wheel whose last path component is `table`.
fn member(path: &Path, shown: &str, table: &str) -> Result<Option<Bytes>, LoadError> {
    let failed = |e: String| unreadable(shown, e);
    let file = File::open(path).map_err(|e| failed(e.to_string()))?;
    let mut wheel = ZipArchive::new(file).map_err(|e| failed(e.to_string()))?;
    let is_it = |name: &Cow<'_, str>| name.rsplit('/').next() == Some(table);
    let Some(name) = wheel.file_names().flatten().find(is_it).map(Cow::into_owned) else {
        return Ok(None);
    };
    let entry = wheel.by_name(&name).map_err(|e| failed(e.to_string()))?;
    bounded("the size of the table in bytes", entry.size(), FILE_BYTES_MAX)?;
    read_bounded(entry).map(Some).map_err(|e| failed(format!("{name}: {e}")))
}

/// Reads to the end, whatever size was declared, but not beyond the bound: a table that is cut
/// there no longer opens.
fn read_bounded(from: impl Read) -> std::io::Result<Bytes> {
    let mut bytes = Vec::new();
    from.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

fn bounded(what: &'static str, found: u64, most: u64) -> Result<(), LoadError> {
    if found > most {
        return Err(LoadError::TooLarge { what, found, most });
    }
    Ok(())
}

fn unreadable(path: &str, why: String) -> LoadError {
    LoadError::Unreadable { path: path.to_owned(), why }
}
