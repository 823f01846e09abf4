use sqlx::Row;

use super::*;

#[test]
fn a_database_is_opened_again_with_everything_in_it() {
    sqlx::test_block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a ?#%41ä.db");
        let url = format!("sqlite:{}", file.display());
        let key = AuditKey::read_or_create(&folder.path().join("key")).unwrap();
        let store = Store::open(&url, key.clone()).await.unwrap();
        assert!(file.is_file(), "the name is taken as it is");
        add(&store, "anna", Role::Clinician).await;
        store.close().await;
        let store = Store::open(&url, key).await.unwrap();
        assert!(store.has_people().await.unwrap());
        assert_eq!(store.verify_audit(&[]).await.unwrap().damages, []);
        for (pragma, value) in [("PRAGMA synchronous", 2_i64), ("PRAGMA foreign_keys", 1)] {
            let row = sqlx::query(pragma).fetch_one(&store.pool).await.unwrap();
            assert_eq!(row.get::<i64, _>(0), value, "{pragma}");
        }
        let mode: String = sqlx::query("PRAGMA journal_mode").fetch_one(&store.pool).await.unwrap().get(0);
        assert_eq!(mode, "wal");
    });
}

#[test]
fn files_are_for_their_owner_only_and_an_open_key_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    sqlx::test_block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let (file, key_file) = (folder.path().join("r.db"), folder.path().join("key"));
        let key = AuditKey::read_or_create(&key_file).unwrap();
        Store::open(&format!("sqlite:{}", file.display()), key).await.unwrap();
        for path in [&file, &key_file] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        }
        std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(AuditKey::read(&key_file), Err(Error::Key { .. })));
        std::fs::write(&key_file, "short").unwrap();
        std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(AuditKey::read_or_create(&key_file), Err(Error::Key { .. })));
    });
}

#[test]
fn other_addresses_and_later_databases_are_refused() {
    sqlx::test_block_on(async {
        let key = AuditKey::fresh().unwrap();
        for url in ["mysql://localhost/x", "r.db", "", "http://x"] {
            assert!(matches!(Store::open(url, key.clone()).await, Err(Error::Scheme { .. })), "{url}");
        }
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("r.db").display());
        let store = Store::open(&url, key.clone()).await.unwrap();
        sqlx::raw_sql("INSERT INTO schema_version (version) VALUES (900)").execute(&store.pool).await.unwrap();
        assert!(matches!(Store::open(&url, key).await, Err(Error::Newer { found: 900, .. })));
    });
}
