\set user random(0, :users - 1)
SELECT id, title, description, completed, created_at, updated_at, priority, tags, due_date, completed_at
FROM task WHERE user_id = 'reader-' || :user ORDER BY created_at DESC, id DESC;
