//! The state of a controller beyond the network file: open windows, instances of templates,
//! containers.
//!
//! The store is one redb file in the state directory. A row is JSON under a key, so that a person
//! can read it. The file carries a version. Each change is one transaction: it is on the disk as a
//! whole, or not at all.

mod error;
mod rows;
#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    WriteTransaction,
};

pub use self::error::StoreError;
pub use self::rows::{Container, Instance, Phase, Service, State, StoredRow, Transport, Window};

/// The default directory of a controller's state.
pub const DEFAULT_DIR: &str = "/var/lib/portcullis";
/// The version of the file format.
pub const VERSION: u64 = 1;

/// Time for which a controller that shuts down may still hold the file.
const PREDECESSOR: Duration = Duration::from_secs(2);

/// Name of the file in its directory.
const FILE: &str = "state.redb";
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// Key of the version in the metadata.
const VERSION_KEY: &str = "version";
/// Key of the row that [`Store::retry`] writes.
const RETRIES_KEY: &str = "retries";

/// The file of a controller's state. No other process has it open.
///
/// redb refuses every operation after one failed write, a full disk included. So the file is opened
/// again before its next use, with the last committed state.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// The open database. `None` after a failed attempt to open it again.
    database: Mutex<Option<Arc<Database>>>,
    /// The reason of the last failure. `None` once a change is committed.
    failure: Mutex<Option<String>>,
    /// True after a failed read or write: the open database then refuses everything.
    failed: AtomicBool,
}

/// A transaction under way. All of its changes take effect, or none.
pub struct Change<'a> {
    store: &'a Store,
    transaction: &'a WriteTransaction,
}

impl Store {
    /// Opens the file in a directory. Creates both if they are missing, readable by this user only.
    ///
    /// Blocks: it reads and checks the whole file.
    ///
    /// # Errors
    /// [`StoreError`] if another process has the file open, the system refuses, the file is
    /// damaged, or a newer version wrote it.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| StoreError::Io { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io(dir))?;
        let path = dir.join(FILE);
        let database = open_database(&path, |builder| builder.create(&path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(io(&path))?;
        let this = Self {
            path,
            database: Mutex::new(Some(Arc::new(database))),
            failure: Mutex::default(),
            failed: AtomicBool::new(false),
        };
        match this.version()? {
            None => this.create()?,
            Some(VERSION) => {}
            Some(version) => return Err(StoreError::Newer { path: this.path, version }),
        }
        // All rows are read once, so that unreadable ones are found now.
        this.state()?;
        Ok(this)
    }

    /// Returns the reason that the state cannot be read or written, with a remedy; none while it
    /// can.
    pub fn failure(&self) -> Option<String> {
        lock(&self.failure).clone()
    }

    /// Makes changes, and writes a row in any case. After a success, [`Store::failure`] returns
    /// `None`.
    ///
    /// Blocks until the changes are on the disk.
    ///
    /// # Errors
    /// [`StoreError`] if the state still cannot be written.
    pub fn retry(&self, f: impl FnOnce(&Change<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.change(|change| {
            f(change)?;
            let mut meta = change.transaction.open_table(META).map_err(|e| self.failed(e.into()))?;
            let retries = meta.get(RETRIES_KEY).map_err(|e| self.failed(e.into()))?.map_or(0, |n| n.value());
            meta.insert(RETRIES_KEY, retries.wrapping_add(1)).map_err(|e| self.failed(e.into()))?;
            Ok(())
        })
    }

    /// Returns the open database, and opens the file again after a failure.
    fn database(&self) -> Result<Arc<Database>, StoreError> {
        let mut database = lock(&self.database);
        if self.failed.swap(false, Ordering::AcqRel) {
            // The old database keeps the file locked until its last user is done.
            *database = None;
        }
        if let Some(database) = &*database {
            return Ok(Arc::clone(database));
        }
        let opened = Arc::new(
            // The file is not created again: an empty one would lose acknowledged changes.
            open_database(&self.path, |builder| builder.open(&self.path))
                .inspect_err(|error| self.note(error))?,
        );
        *database = Some(Arc::clone(&opened));
        Ok(opened)
    }

    fn note(&self, error: &StoreError) {
        *lock(&self.failure) = Some(format!("{error}; {}", error.help()));
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns all rows, as of one moment.
    ///
    /// # Errors
    /// [`StoreError`] if the system refuses, or a row is malformed.
    pub fn state(&self) -> Result<State, StoreError> {
        Ok(State { windows: self.all()?, instances: self.all()?, containers: self.all()? })
    }

    /// Makes changes in one transaction. They take effect if `f` returns `Ok`, and not if it
    /// returns an error.
    ///
    /// Blocks until the changes are on the disk.
    ///
    /// # Errors
    /// The error of `f`, or [`StoreError`] if the changes cannot be written.
    pub fn change<T, E: From<StoreError>>(
        &self,
        f: impl FnOnce(&Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let database = self.database()?;
        let transaction = database.begin_write().map_err(|e| self.failed(e.into()))?;
        // A transaction that is dropped without a commit changes nothing.
        let result = f(&Change { store: self, transaction: &transaction })?;
        transaction.commit().map_err(|e| self.failed(e.into()))?;
        *lock(&self.failure) = None;
        Ok(result)
    }

    /// Writes one row.
    ///
    /// # Errors
    /// [`StoreError`] if the row cannot be written.
    pub fn put<R: StoredRow>(&self, row: &R) -> Result<(), StoreError> {
        self.change(|change| change.put(row))
    }

    /// Removes one row. Returns whether it existed.
    ///
    /// # Errors
    /// [`StoreError`] if the removal cannot be written.
    pub fn remove<R: StoredRow>(&self, key: &str) -> Result<bool, StoreError> {
        self.change(|change| change.remove::<R>(key))
    }

    /// Returns all rows of a kind, by their keys.
    ///
    /// # Errors
    /// [`StoreError`] if the system refuses, or a row is malformed.
    pub fn all<R: StoredRow>(&self) -> Result<Vec<R>, StoreError> {
        let failed = |error| self.failed(error);
        let database = self.database()?;
        let transaction = database.begin_read().map_err(|e| failed(e.into()))?;
        let table = match transaction.open_table(R::TABLE) {
            Ok(table) => table,
            Err(error) => return Err(failed(error.into())),
        };
        let mut rows = Vec::new();
        for entry in table.iter().map_err(|e| failed(e.into()))? {
            let (key, value) = entry.map_err(|e| failed(e.into()))?;
            rows.push(row(&self.path, key.value(), value.value())?);
        }
        Ok(rows)
    }

    /// Returns the version of the file, or `None` if the file is new.
    fn version(&self) -> Result<Option<u64>, StoreError> {
        let database = self.database()?;
        let transaction = database.begin_read().map_err(|e| self.failed(e.into()))?;
        let table = match transaction.open_table(META) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => {
                return if transaction.list_tables().map_err(|e| self.failed(e.into()))?.next().is_none() {
                    Ok(None)
                } else {
                    Err(StoreError::corrupt(&self.path, "it has no version"))
                };
            }
            Err(error) => return Err(self.failed(error.into())),
        };
        match table.get(VERSION_KEY).map_err(|e| self.failed(e.into()))? {
            Some(version) => Ok(Some(version.value())),
            None => Err(StoreError::corrupt(&self.path, "it has no version")),
        }
    }

    /// Creates the tables.
    fn create(&self) -> Result<(), StoreError> {
        self.change(|change| {
            change.table::<Window>()?;
            change.table::<Instance>()?;
            change.table::<Container>()?;
            let mut meta = change.transaction.open_table(META).map_err(|e| self.failed(e.into()))?;
            meta.insert(VERSION_KEY, VERSION).map_err(|e| self.failed(e.into()))?;
            Ok(())
        })
    }

    fn failed(&self, error: redb::Error) -> StoreError {
        let unusable = matches!(error, redb::Error::Io(_) | redb::Error::PreviousIo);
        let error = StoreError::from_redb(&self.path, error);
        if unusable {
            self.failed.store(true, Ordering::Release);
            self.note(&error);
        }
        error
    }
}

/// Opens the file, and waits for a predecessor that still holds it.
fn open_database(
    path: &Path,
    open: impl Fn(&Builder) -> Result<Database, DatabaseError>,
) -> Result<Database, StoreError> {
    let mut builder = Database::builder();
    // A damaged file fails here, and does not panic later.
    builder.set_check_integrity_on_open(true);
    let open = || open(&builder);
    // The last holder may be about to end, as at a restart.
    let end = Instant::now() + PREDECESSOR;
    let mut opened = open();
    while matches!(opened, Err(DatabaseError::DatabaseAlreadyOpen)) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
        opened = open();
    }
    opened.map_err(|error| StoreError::from_redb(path, error.into()))
}

/// Locks a value that is always replaced in one step, so that it is whole after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Change<'_> {
    /// Writes a row.
    ///
    /// # Errors
    /// [`StoreError`] if the system refuses.
    pub fn put<R: StoredRow>(&self, row: &R) -> Result<(), StoreError> {
        let value =
            serde_json::to_vec(row).map_err(|e| StoreError::corrupt(&self.store.path, &e.to_string()))?;
        let key = row.key();
        self.table::<R>()?.insert(key.as_str(), value.as_slice()).map_err(|e| self.failed(e.into()))?;
        Ok(())
    }

    /// Removes a row. Returns whether it existed.
    ///
    /// # Errors
    /// [`StoreError`] if the system refuses.
    pub fn remove<R: StoredRow>(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.table::<R>()?.remove(key).map_err(|e| self.failed(e.into()))?.is_some())
    }

    /// Returns the row of that key.
    ///
    /// # Errors
    /// [`StoreError`] if the system refuses, or the row is malformed.
    pub fn find<R: StoredRow>(&self, key: &str) -> Result<Option<R>, StoreError> {
        let table = self.table::<R>()?;
        let found = table.get(key).map_err(|e| self.failed(e.into()))?;
        found.map(|value| row(&self.store.path, key, value.value())).transpose()
    }

    /// Returns all rows of a kind, by their keys.
    ///
    /// # Errors
    /// [`StoreError`] if the system refuses, or a row is malformed.
    pub fn all<R: StoredRow>(&self) -> Result<Vec<R>, StoreError> {
        let table = self.table::<R>()?;
        let mut rows = Vec::new();
        for entry in table.iter().map_err(|e| self.failed(e.into()))? {
            let (key, value) = entry.map_err(|e| self.failed(e.into()))?;
            rows.push(row(&self.store.path, key.value(), value.value())?);
        }
        Ok(rows)
    }

    fn table<R: StoredRow>(&self) -> Result<redb::Table<'_, &'static str, &'static [u8]>, StoreError> {
        self.transaction.open_table(R::TABLE).map_err(|e| self.failed(e.into()))
    }

    fn failed(&self, error: redb::Error) -> StoreError {
        self.store.failed(error)
    }
}

fn row<R: StoredRow>(path: &Path, key: &str, value: &[u8]) -> Result<R, StoreError> {
    let row: R = serde_json::from_slice(value)
        .map_err(|error| StoreError::corrupt(path, &format!("{} {key:?}: {error}", R::WHAT)))?;
    if row.key() != key {
        return Err(StoreError::corrupt(
            path,
            &format!("{} {key:?} says that it is {:?}", R::WHAT, row.key()),
        ));
    }
    Ok(row)
}
