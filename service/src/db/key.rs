use ::entity::server_key::{COLUMN, Entity};
use aws_lc_rs::hmac;
use sea_orm::{DbErr, EntityTrait, QueryFilter};

use super::Db;
use crate::Error;

impl Db {
    /// What the cursors of lists are sealed with: the same on every server of this database, read when it is first needed.
    #[expect(clippy::disallowed_methods, reason = "the server's own key: nobody's row")]
    pub(crate) async fn cursor_key(&self) -> Result<&hmac::Key, Error> {
        if let Some(key) = self.cursor_key.get() {
            return Ok(key);
        }
        let read = async || {
            let key = self.read(async |db| Entity::find().filter(COLUMN.name.eq("cursor")).one(db).await).await?;
            let key = key.ok_or_else(|| Error::Database(DbErr::RecordNotFound("the key of cursors".to_owned())))?;
            Ok(hmac::Key::new(hmac::HMAC_SHA256, key.value.as_bytes()))
        };
        // Its future is large, and needed once.
        Box::pin(self.cursor_key.get_or_try_init(read)).await
    }
}
